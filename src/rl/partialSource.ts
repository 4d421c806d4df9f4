// A source that waits for no long response: a rollout that is not finished after so many tokens is paused and goes on in the next step,
// under the policy as it is then. Every step starts `tasksPerStep` groups and gives at most as many whose last member is finished, oldest
// first. A rollout's tokens may come from several versions of the policy, which it tells.
//
// Partial rollouts are those of Kimi k1.5, section 2.6.2 (arXiv:2501.12599).

import type { Rollout } from "../data/rollout.ts";
import type { SampleRequest } from "../policy/backend.ts";
import type { RlConfig } from "./config.ts";
import { stalenessMetrics } from "./metrics.ts";
import { sampledMismatch } from "./mismatch.ts";
import { type Group, type RewardedRollout, rewarding, sampleAndReward, sampleRequests, sampleSettings } from "./rollout.ts";
import type { Source, SourceDeps } from "./sourceDeps.ts";
import { type GroupInFlight, type SourceState, withVersions } from "./sourceState.ts";
import { samplingMeter } from "./stepGroups.ts";
import { openPool } from "./taskPool.ts";
import { withBudgets } from "./thinking.ts";

/** Opens a source of partial rollouts where another one left it. */
export function openPartialSource(
  config: RlConfig,
  { tokensPerStep, ...deps }: SourceDeps & { readonly tokensPerStep: number },
  restored: SourceState,
): Source {
  const { tasksPerStep, thinking } = config;
  const pool = openPool(config.sampling.curriculum, { seed: deps.seed, tasks: deps.tasks, restored: restored.curriculum });
  const settings = sampleSettings(config, deps);
  const sampledAt = new Map(restored.sampledAt);
  let inFlight = restored.inFlight;

  /** New groups, each in a place that no other has. */
  const startGroups = (step: number): GroupInFlight[] => {
    const isTaken = new Set(inFlight.map(({ place }) => place));
    const places = Array.from({ length: tasksPerStep + inFlight.length }, (_, place) => place).filter((place) => !isTaken.has(place));
    const taken = new Set(inFlight.map(({ task }) => task.id));
    return pool.draw(step, { round: 0, count: tasksPerStep, taken }).map((task, i) => {
      const place = places[i]!;
      const [asked] = withBudgets([task], { thinking, seed: deps.seed, step, firstGroup: i });
      return { place, startedAt: step, task: asked!, finished: [], paused: [] };
    });
  };

  const requestsOf = ({ place, startedAt, task, finished, paused }: GroupInFlight): SampleRequest[] => {
    const requests = sampleRequests([task], { ...settings, step: startedAt, firstGroup: place });
    const isNew = finished.length + paused.length === 0;
    const asked = isNew ? requests : paused.map((rollout) => ({ ...requests[rollout.index]!, continues: rollout }));
    return asked.map((request) => ({ ...request, pauseAfter: tokensPerStep }));
  };

  return {
    async next(step, signal) {
      const meter = samplingMeter(deps.clock);
      const { parameters: version } = await deps.policy.digests();
      sampledAt.set(version, step);
      const groups = [...inFlight, ...startGroups(step)].toSorted((a, b) => a.place - b.place);
      const taskOf = new Map(groups.map(({ place, task }) => [place, task]));
      const asked = { taskOf, policy: deps.policy, reward: rewarding(step, deps) };
      const sampled = await meter.sampling(sampleAndReward(groups.flatMap(requestsOf), asked, signal));
      const mismatch = await meter.checking(sampledMismatch(deps.policy, sampled.rollouts));
      const advanced = advance(groups, { rewarded: await meter.waiting(sampled.rewarded), rollouts: sampled.rollouts });
      const taken = new Set(advanced.filter(isFinished).toSorted(byAge).slice(0, tasksPerStep));
      inFlight = advanced.filter((group) => !taken.has(group));
      const done = advanced.filter((group) => taken.has(group)).map(({ finished }) => finished.map(asRecorded(step, deps)));
      const metrics = {
        ...stalenessMetrics(done.flat(), { step, sampledAt }),
        "partial/groupsPaused": inFlight.filter((group) => !isFinished(group)).length,
        "partial/groupsWaiting": inFlight.filter(isFinished).length,
        ...pool.learnOf(done),
        ...meter.metrics(),
      };
      return { groups: done, others: [], metrics, mismatch };
    },
    async state() {
      return withVersions({ curriculum: pool.curriculum(), ahead: [], inFlight, sampledAt });
    },
  };
}

function isFinished({ paused }: GroupInFlight): boolean {
  return paused.length === 0;
}

function byAge(a: GroupInFlight, b: GroupInFlight): number {
  return a.startedAt - b.startedAt || a.place - b.place;
}

/** The groups with what was sampled: who is finished stays so, whoever was paused is finished or paused anew. */
function advance(
  groups: readonly GroupInFlight[],
  { rewarded, rollouts }: { readonly rewarded: readonly RewardedRollout[]; readonly rollouts: readonly Rollout[] },
): GroupInFlight[] {
  const finished = Map.groupBy(rewarded, ({ rollout }) => rollout.group);
  const paused = Map.groupBy(
    rollouts.filter(({ finish }) => finish === "paused"),
    ({ group }) => group,
  );
  return groups.map((group): GroupInFlight => {
    const members: Group = [...group.finished, ...(finished.get(group.place) ?? [])];
    return {
      ...group,
      finished: members.toSorted((a, b) => a.rollout.index - b.rollout.index),
      paused: paused.get(group.place) ?? [],
    };
  });
}

/** With the verdicts that the step recorded, where it was taken before: a member may have been scored again in an earlier step. */
function asRecorded(step: number, { record }: SourceDeps): (member: RewardedRollout) => RewardedRollout {
  return (member) => ({ ...member, ...record.recordedReward(step, member.rollout) });
}
