// What the source of groups carries from step to step, and its form in a checkpoint: the curriculum's pass rates, and the groups that
// were sampled ahead or are half sampled, with what they earned.

import { z } from "zod";

import { CheckpointError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import { packJson, unpackJson } from "../base/packedJson.ts";
import { parseWith } from "../base/parse.ts";
import type { Rollout } from "../data/rollout.ts";
import type { Task } from "../data/task.ts";
import type { CurriculumState } from "./curriculum.ts";
import type { Group } from "./rollout.ts";
import type { StepGroups } from "./stepGroups.ts";

/** A group of partial rollouts that was not learned from yet. */
export interface GroupInFlight {
  /** The `group` of its rollouts, which no other group has that is in flight. */
  readonly place: number;
  readonly startedAt: number;
  readonly task: Task;
  /** By index. */
  readonly finished: Group;
  readonly paused: readonly Rollout[];
}

/** Everything that the next step's groups depend on, beside policy and configuration. */
export interface SourceState {
  readonly curriculum: CurriculumState;
  /** Of the steps to come, in order and without a gap. */
  readonly ahead: readonly StepGroups[];
  readonly inFlight: readonly GroupInFlight[];
  /** Last step at which each version of the policy sampled something that is still to be learned from. */
  readonly sampledAt: ReadonlyMap<string, number>;
}

const emptyState: SourceState = { curriculum: new Map(), ahead: [], inFlight: [], sampledAt: new Map() };

const Carried = z.strictObject({
  /** [step last drawn for, running pass rate] by task. */
  curriculum: z.record(z.string(), z.union([z.tuple([z.int()]), z.tuple([z.int(), z.number()])])).exactOptional(),
  /** Steps and groups as `packJson` writes them; a checkpoint's own data is trusted. */
  ahead: z.array(z.json() as z.ZodType<Json>).exactOptional(),
  inFlight: z.array(z.json() as z.ZodType<Json>).exactOptional(),
  sampledAt: z.record(z.string(), z.int()).exactOptional(),
});

/** Undefined where there is nothing to carry. */
export function stateToJson({ curriculum, ahead, inFlight, sampledAt }: SourceState): Json | undefined {
  if (curriculum.size + ahead.length + inFlight.length === 0) return undefined;
  const practices = [...curriculum].map(([id, { lastDrawn, passRate }]) => [
    id,
    passRate === undefined ? [lastDrawn] : [lastDrawn, passRate],
  ]);
  return {
    ...(curriculum.size === 0 ? {} : { curriculum: Object.fromEntries(practices) as Json }),
    ...(ahead.length === 0 ? {} : { ahead: ahead.map(packJson) }),
    ...(inFlight.length === 0 ? {} : { inFlight: inFlight.map(packJson) }),
    ...(sampledAt.size === 0 ? {} : { sampledAt: Object.fromEntries(sampledAt) }),
  };
}

/** The state that `stateToJson` wrote. */
export function stateFromJson(json: Json | undefined): SourceState {
  if (json === undefined) return emptyState;
  const parsed = parseWith(Carried, json);
  if (!parsed.success) {
    throw new CheckpointError(
      `trainer.json: carried.source.${parsed.path} ${parsed.rule}; go on from an earlier checkpoint, or start the run anew`,
    );
  }
  const { curriculum = {}, ahead = [], inFlight = [], sampledAt = {} } = parsed.data;
  const practices = Object.entries(curriculum).map(
    ([id, [lastDrawn, passRate]]) => [id, passRate === undefined ? { lastDrawn } : { lastDrawn, passRate }] as const,
  );
  return {
    curriculum: new Map(practices),
    ahead: ahead.map((json) => {
      const step = unpackJson(json) as StepGroups;
      return { ...step, groups: step.groups.map(withRewards), others: step.others.map(withRewards) };
    }),
    inFlight: inFlight.map((json) => {
      const group = unpackJson(json) as GroupInFlight;
      return { ...group, finished: withRewards(group.finished) };
    }),
    sampledAt: new Map(Object.entries(sampledAt)),
  };
}

/** What could not be scored has no reward in JSON. */
function withRewards(members: Group): Group {
  return members.map((member) => ({ ...member, reward: member.reward }));
}

/** The part of `sampledAt` that rollouts need. */
export function versionsOf(rollouts: readonly Rollout[], sampledAt: SourceState["sampledAt"]): SourceState["sampledAt"] {
  const used = new Set(rollouts.flatMap(({ policy }) => policy.map(({ version }) => version)));
  return new Map([...sampledAt].filter(([version]) => used.has(version)));
}
