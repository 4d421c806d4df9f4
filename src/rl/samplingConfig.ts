// What a policy-gradient stage may vary between its tasks and its scored groups: which tasks are drawn, how many, by which policy
// they are answered, and what a response near the limit of its length earns. docs/sampling.md says what each does.

import { z } from "zod";

const Refill = z.strictObject({
  maxRounds: z.int().min(1).max(64).default(4).meta({
    description: "Further rounds of tasks in one step at most; a step that is still short learns from what it has.",
    unit: "rounds",
  }),
  overdraw: z
    .number()
    .min(1)
    .max(8)
    .default(1)
    .describe(
      "A further round draws so many times the groups that are missing. More than 1 takes fewer rounds, and groups in excess are recorded but not learned from.",
    ),
});
export type RefillConfig = z.infer<typeof Refill>;

/** Which tasks of a finite pool are drawn (`curriculum.ts`). */
const Curriculum = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none").describe("Every task, as often as any other.") }),
  z.strictObject({
    kind: z
      .literal("pass-rate")
      .describe(
        "A task that is nearly always solved is retired, looked at again now and then, and comes back when it was forgotten (arXiv:2510.13786).",
      ),
    retireAt: z
      .number()
      .gt(0)
      .max(1)
      .default(0.9)
      .meta({ description: "A task whose running pass rate reaches this is retired.", unit: "share of rollouts" }),
    newestWeight: z
      .number()
      .gt(0)
      .max(1)
      .default(0.5)
      .describe("Weight of a task's newest group in its running pass rate. 1: only the newest counts."),
    revisitShare: z.number().min(0).max(0.5).default(0.05).meta({
      description: "Tasks of each step that are retired ones, looked at again in turn. 0: retired for good.",
      unit: "share of tasks",
    }),
  }),
]);
export type CurriculumConfig = z.infer<typeof Curriculum>;
export type PassRateConfig = Extract<CurriculumConfig, { kind: "pass-rate" }>;

const PartialRollouts = z.strictObject({
  tokensPerStep: z.int().positive().meta({
    description:
      "A response that is not finished after so many tokens in a step is paused and goes on in the next one, under the new policy.",
    unit: "tokens",
  }),
});

/** Largest staleness in published recipes: PipelineRL-8 of ScaleRL (arXiv:2510.13786). Twice that leaves room to see it fail. */
const maxLag = 16;

/** The `sampling` part of the `rl` section. */
export const SamplingConfig = z.strictObject({
  refill: Refill.exactOptional().describe(
    "Dynamic sampling (arXiv:2503.14476, section 3.2): draw further tasks until tasksPerStep groups have members that earned differently. Absent: groups that teach nothing are not replaced.",
  ),
  curriculum: Curriculum.prefault({ kind: "none" }).describe("Which tasks of a finite pool are drawn."),
  lag: z.int().nonnegative().max(maxLag).default(0).meta({
    description:
      "Steps between the policy that samples and the one that learns from it, always the same; scoring then goes on beside training. 0: every step learns from its own policy's rollouts.",
    unit: "steps",
  }),
  partial: PartialRollouts.exactOptional().describe(
    "Partial rollouts (arXiv:2501.12599): long responses are sampled over several steps; a step starts tasksPerStep groups and learns from as many at most, those that are finished. Absent: every response is sampled to its end.",
  ),
});

export type SamplingConfig = z.infer<typeof SamplingConfig>;

/** Whether rollouts are learned from in later steps than those that sampled them: checkpoints then carry some, with their verdicts. */
export function isSampledEarlier({ lag, partial }: { readonly lag: number; readonly partial?: object }): boolean {
  return lag > 0 || partial !== undefined;
}

/** What responses near the limit of their length earn (`overlong.ts`). */
export const OverlongConfig = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none").describe("What the verdicts give.") }),
  z.strictObject({
    kind: z.literal("shape").describe("The last stretch before maxNewTokens costs ever more, up to 1 (arXiv:2503.14476, eq. 13)."),
    cacheTokens: z.int().positive().meta({ description: "Length of that stretch.", unit: "tokens" }),
  }),
  z.strictObject({
    kind: z.literal("filter").describe("A response that was cut off is not learned from, and is no part of its group's baseline."),
  }),
]);
export type OverlongConfig = z.infer<typeof OverlongConfig>;

type Fail = (path: readonly string[], message: string) => void;

/** Advantages that a penalty for length would spoil, and why. */
const unshaped: Readonly<Record<string, string>> = {
  gdpo: "it looks at the terms of the reward, and the penalty is none of them",
  "max-rl": "it divides by the group's mean reward, which the penalty can make negative",
};

/** Rules between sampling and the rest of the section. */
export function checkSampling({ sampling, overlong, maxNewTokens, advantages, steps }: Sampled, fail: Fail): void {
  if (sampling.lag >= steps) {
    const numbers = `got ${sampling.lag} and ${steps}`;
    fail(
      ["sampling", "lag"],
      `must be less than steps, since the first lag + 1 steps learn from the starting policy's rollouts, ${numbers}`,
    );
  }
  if (sampling.refill !== undefined && advantages.kind === "gae") {
    fail(["sampling", "refill"], 'must not be there with "gae" advantages, since a critic learns from every group; leave it out');
  }
  checkPartial({ sampling, maxNewTokens }, fail);
  if (overlong.kind !== "shape") return;
  if (overlong.cacheTokens > maxNewTokens) {
    const numbers = `got ${overlong.cacheTokens} and ${maxNewTokens}`;
    fail(["overlong", "cacheTokens"], `must be at most maxNewTokens, or every response is punished, however short, ${numbers}`);
  }
  const why = unshaped[advantages.kind];
  if (why === undefined) return;
  fail(["overlong", "kind"], `must not be "shape" with "${advantages.kind}" advantages: ${why}; take "filter", or other advantages`);
}

function checkPartial({ sampling: { partial, lag, refill }, maxNewTokens }: Pick<Sampled, "sampling" | "maxNewTokens">, fail: Fail): void {
  if (partial === undefined) return;
  const path = ["sampling", "partial"];
  if (lag > 0) fail(path, `must not be there with a lag, since paused rollouts are late by themselves, got lag ${lag}; leave out either`);
  if (refill !== undefined) fail(path, "must not be there with refill, since nobody knows in which step a group ends; leave out either");
  if (partial.tokensPerStep < maxNewTokens) return;
  const numbers = `got ${partial.tokensPerStep} and ${maxNewTokens}`;
  fail([...path, "tokensPerStep"], `must be less than maxNewTokens, or nothing is ever paused, ${numbers}`);
}

interface Sampled {
  readonly sampling: SamplingConfig;
  readonly overlong: OverlongConfig;
  readonly maxNewTokens: number;
  readonly steps: number;
  readonly advantages: { readonly kind: string };
}
