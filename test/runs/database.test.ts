import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";

import { StorageError } from "../../src/base/errors.ts";
import { inTransaction, openDatabase } from "../../src/runs/database.ts";
import { tempFolder } from "../support/tempFolder.ts";

describe("inTransaction", () => {
  test("undoes everything when the work throws, and leaves the connection usable", (t) => {
    using database = openDatabase(join(tempFolder(t), "db.sqlite"));
    database.exec("CREATE TABLE numbers (x INTEGER)");
    const failing = () =>
      inTransaction(database, () => {
        database.exec("INSERT INTO numbers VALUES (1)");
        throw new RangeError("no");
      });
    assert.throws(failing, RangeError);
    inTransaction(database, () => database.exec("INSERT INTO numbers VALUES (2)"));
    assert.deepEqual(
      database
        .prepare("SELECT x FROM numbers")
        .all()
        .map(({ x }) => x),
      [2],
    );
  });

  test("a full database is a StorageError, nothing of the transaction stays, and smaller work goes on", (t) => {
    using database = openDatabase(join(tempFolder(t), "db.sqlite"));
    database.exec("CREATE TABLE texts (x TEXT)");
    const { page_count: pages } = database.prepare("PRAGMA page_count").get()!;
    database.exec(`PRAGMA max_page_count = ${Number(pages) + 10}`);
    const insert = (length: number) =>
      inTransaction(database, () => database.prepare("INSERT INTO texts VALUES (?)").run("x".repeat(length)));
    insert(10);
    assert.throws(
      () => insert(1_000_000),
      (error) => error instanceof StorageError && /disk is full.*Free some space/.test(error.message),
    );
    insert(20);
    assert.deepEqual(
      database
        .prepare("SELECT length(x) AS length FROM texts")
        .all()
        .map(({ length }) => length),
      [10, 20],
    );
  });
});
