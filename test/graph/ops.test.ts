// Runs the suite on every op, and checks that no op and no reference kernel is left out.

import assert from "node:assert/strict";
import { test } from "node:test";

import { kernels } from "../../src/graph/evaluate64.ts";
import * as ops from "../../src/graph/ops.ts";
import { nodesOf } from "../../src/graph/tensor.ts";
import { broadcastCases } from "./cases/broadcast.ts";
import { elementwiseCases } from "./cases/elementwise.ts";
import { gatherCases } from "./cases/gather.ts";
import { layoutCases } from "./cases/layout.ts";
import { modelCases } from "./cases/model.ts";
import { productCases } from "./cases/product.ts";
import { buildCase, opSuite } from "./ops.suite.ts";

const entries = { ...broadcastCases, ...elementwiseCases, ...gatherCases, ...layoutCases, ...modelCases, ...productCases };

for (const [op, entry] of Object.entries(entries)) opSuite(op, entry);

test("every op of the public list has cases, and nothing else has", () => {
  assert.deepEqual(Object.keys(entries).sort(), Object.keys(ops).sort());
});

test("every reference kernel is used by some case", () => {
  const built = Object.values(entries).flatMap(({ cases }) => cases.map(buildCase));
  const used = new Set(built.flatMap(({ results, gradients }) => nodesOf([...results, ...gradients])).map((node) => node.op.name));
  used.delete("input");
  assert.deepEqual([...used].sort(), Object.keys(kernels).sort());
});
