import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { questionTask, taskId } from "../../src/data/task.ts";

describe("taskId", () => {
  const messages = [{ role: "user", content: "1+2=?" }] as const;

  test("depends on the family and on every message's role and content", () => {
    const ids = [
      taskId({ family: "a", messages }),
      taskId({ family: "b", messages }),
      taskId({ family: "a", messages: [{ role: "user", content: "1+3=?" }] }),
      taskId({ family: "a", messages: [{ role: "system", content: "1+2=?" }] }),
      taskId({ family: "a", messages: [...messages, ...messages] }),
    ];
    assert.equal(new Set(ids).size, ids.length);
    for (const id of ids) assert.match(id, /^[0-9a-f]{16}$/);
  });

  test("is the id of a task made from a question, whatever its verifier and reference", () => {
    const task = questionTask({ family: "a", question: "1+2=?", verifier: "numeric", reference: { answer: "3" } });
    assert.deepEqual(task, {
      id: taskId({ family: "a", messages }),
      family: "a",
      messages,
      verifier: "numeric",
      reference: { answer: "3" },
    });
    assert.equal(questionTask({ family: "a", question: "1+2=?", verifier: "exact", reference: null }).id, task.id);
  });
});
