// The policy-gradient loop over a policy that really samples and really learns, for tests: a table of logits. Task k asks, after
// token k, for token k + 1. A test brings what it is about; everything else is ordinary.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

import type { Task } from "../../src/data/task.ts";
import { ownVerifier } from "../../src/rewards/compose.ts";
import type { RolloutScore } from "../../src/rewards/score.ts";
import { RlConfig } from "../../src/rl/config.ts";
import { type RlDeps, trainPolicy } from "../../src/rl/loop.ts";
import { MemoryRlRecord } from "./memoryRecord.ts";
import { aTask, scored, unscorable } from "./rollouts.ts";
import { TabularPolicy } from "./tabularPolicy.ts";

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "rl-loop-"));
  folders.push(folder);
  return folder;
}

export const numTokens = 8;
const never = new AbortController().signal;
const asked = (task: Task): number => task.reference as number;
const taskAfter = (k: number, name: string): Task => aTask({ id: name, family: k % 2 === 0 ? "even" : "odd", reference: k });
const fiveTasks = turns([2, 3, 4, 5, 6].map((k) => taskAfter(k, `after-${k}`)));

/** New tasks in every step and round, as families make them. */
export const endlessTasks: RlDeps["tasks"] = {
  batch: (step, count) => Array.from({ length: count }, (_, i) => taskAfter(2 + ((step + i) % 5), `${step}.${i}`)),
  further: (step, { round, count }) => Array.from({ length: count }, (_, i) => taskAfter(2 + ((step + i) % 5), `${step}+${round}.${i}`)),
};

/** A pool of `count` tasks. */
export function taskPool(count: number): RlDeps["tasks"] {
  return turns(Array.from({ length: count }, (_, i) => taskAfter(2 + (i % 5), `pool-${i}`)));
}

/** Each in its turn. */
function turns(all: readonly Task[]): RlDeps["tasks"] {
  return {
    all,
    batch: (step, count) => Array.from({ length: count }, (_, i) => all[(step * count + i) % all.length]!),
    further: (_step, { count, taken }) => all.filter(({ id }) => !taken.has(id)).slice(0, count),
  };
}

export type ScoreRollout = RlDeps["score"];
export const rewardOf = (reward: number): RolloutScore => ({
  verdicts: { exact: scored(reward) },
  reward: { kind: "scored", reward, components: {} },
});
export const failed: RolloutScore = { verdicts: { exact: unscorable("timeout") }, reward: { kind: "unscorable", failures: [] } };
export const exact: ScoreRollout = async ({ task, rollout }) => rewardOf(rollout.tokens[0] === asked(task) + 1 ? 1 : 0);

/** `exact`, but with another score for the rollouts of some steps; ids start with the step. */
export const exactBut =
  (steps: readonly number[], score: RolloutScore): ScoreRollout =>
  async (asked, signal) =>
    steps.includes(Number(asked.rollout.id.split(".")[0])) ? score : exact(asked, signal);

export const configure = (about: object = {}): RlConfig =>
  RlConfig.parse({
    steps: 12,
    tasksPerStep: 4,
    maxNewTokens: 3,
    learningRate: 0.1,
    warmupSteps: 2,
    advantages: { kind: "grpo", groupSize: 8 },
    ...about,
  });

interface Wiring {
  readonly config?: RlConfig;
  readonly tasks?: RlDeps["tasks"];
  readonly policy?: TabularPolicy;
  readonly record?: MemoryRlRecord;
  readonly deps?: Partial<RlDeps>;
  readonly signal?: AbortSignal;
}

/** Runs the loop with ordinary parts where the test has none of its own. */
export async function train({
  config = configure(),
  tasks = fiveTasks,
  policy = new TabularPolicy(numTokens),
  record = aRecord(),
  deps,
  signal = never,
}: Wiring = {}) {
  let nowMs = 0;
  const nextStep = await trainPolicy(
    config,
    {
      seed: 7,
      policy,
      tasks,
      promptTokens: (task) => Int32Array.of(asked(task)),
      terms: [{ verifier: ownVerifier, weight: 1 }],
      score: exact,
      evaluate: async () => ({}),
      record,
      clock: { nowMs: () => nowMs, elapsedMs: () => (nowMs += 10) },
      stop: never,
      ...deps,
    },
    signal,
  );
  return { policy, record, nextStep };
}

export function aRecord(earlier?: MemoryRlRecord, { until = Number.POSITIVE_INFINITY } = {}): MemoryRlRecord {
  return new MemoryRlRecord(newFolder(), { everySteps: 3, ...(earlier === undefined ? {} : { earlier, until }) });
}

/** A new process: a policy and a record that know only what is in the store and in the last checkpoint, of step `from` at most. */
export async function restarted(
  killed: MemoryRlRecord,
  from = Number.POSITIVE_INFINITY,
): Promise<{ policy: TabularPolicy; record: MemoryRlRecord }> {
  const policy = new TabularPolicy(numTokens);
  const record = aRecord(killed, { until: from });
  await policy.load(record.points.at(-1)!.folder);
  return { policy, record };
}

/** Where a stage is killed: when it asks for its so many-th verdict or measurement since it was started. */
export interface Kill {
  readonly at: "verdict" | "measurement";
  readonly number: number;
}

/** Runs the stage, kills it, starts it again in a new process, and so on to the end. */
export async function trainKilled(wiring: Wiring, kills: readonly Kill[]) {
  const { score: answer = exact } = wiring.deps ?? {};
  let parts = { policy: new TabularPolicy(numTokens), record: aRecord() };
  for (const kill of kills) {
    let count = 0;
    const die = (at: Kill["at"]): void => {
      if (at === kill.at && ++count >= kill.number) throw new Error("killed");
    };
    const score: ScoreRollout = async (asked, signal) => {
      die("verdict");
      return answer(asked, signal);
    };
    const evaluate: RlDeps["evaluate"] = async () => {
      die("measurement");
      return {};
    };
    await assert.rejects(train({ ...wiring, ...parts, deps: { ...wiring.deps, score, evaluate } }), { message: "killed" });
    parts = await restarted(parts.record);
  }
  return train({ ...wiring, ...parts });
}
