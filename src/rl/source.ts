// The part of a step between its tasks and its scored groups: which tasks are drawn, how often a step draws again, and which policy
// answers them. docs/sampling.md says what the choices do.
//
// Every draw is keyed by (seed, step, round, task); what a step's groups depend on beside that is in `state`, so that a stage which
// goes on from a checkpoint samples the same again. With a lag of k, step t learns from what the policy sampled before its step t - k.
// The policy's verbs are called one after another all the same: the lag is a property of the algorithm, not a race, and what goes on
// beside training is scoring.

import type { RlConfig } from "./config.ts";
import { stalenessMetrics } from "./metrics.ts";
import { openPartialSource } from "./partialSource.ts";
import { refillMetrics } from "./refill.ts";
import { type Group, rewarding, sampleSettings } from "./rollout.ts";
import type { Source, SourceDeps } from "./sourceDeps.ts";
import { type SourceState, withVersions } from "./sourceState.ts";
import { type SamplingMeter, type StepGroups, sampleStep, samplingMeter } from "./stepGroups.ts";
import { openPool } from "./taskPool.ts";

/** A step whose rollouts are sampled, though some may still have to be scored. */
interface Ahead {
  readonly step: number;
  readonly scored: Promise<StepGroups>;
}

/** Opens a stage's source where another one left it. `teaches` tells whether there is anything to learn from a group. */
export function openSource(
  config: RlConfig,
  deps: SourceDeps & { readonly teaches: (group: Group) => boolean },
  restored: SourceState,
): Source {
  const { lag, refill, partial } = config.sampling;
  if (partial !== undefined) return openPartialSource(config, { ...deps, tokensPerStep: partial.tokensPerStep }, restored);
  const pool = openPool(config.sampling.curriculum, { seed: deps.seed, tasks: deps.tasks, restored: restored.curriculum });
  const settings = sampleSettings(config, deps);
  const ahead: Ahead[] = restored.ahead.map((groups) => ({ step: groups.step, scored: Promise.resolve(groups) }));
  const sampledAt = new Map(restored.sampledAt);
  const sample = (step: number, meter: SamplingMeter, signal: AbortSignal) =>
    sampleStep(
      {
        settings: { ...settings, step },
        tasksPerStep: config.tasksPerStep,
        thinking: config.thinking,
        alarms: config.alarms,
        ...(refill === undefined ? {} : { refill: { settings: refill, teaches: deps.teaches } }),
        draw: (asked) => pool.draw(step, asked),
        policy: deps.policy,
        reward: rewarding(step, deps),
        meter,
        isChecked: lag > 0,
      },
      signal,
    );
  return {
    async next(step, signal) {
      const meter = samplingMeter(deps.clock);
      const { parameters: version } = await deps.policy.digests();
      sampledAt.set(version, step);
      for (let to = (ahead.at(-1)?.step ?? step - 1) + 1; to <= Math.min(step + lag, config.steps - 1); to++) {
        ahead.push({ step: to, ...(await sample(to, meter, signal)) });
      }
      const sampled = await meter.waiting(ahead.shift()!.scored);
      const all = [...sampled.groups, ...sampled.others];
      const metrics = {
        ...stalenessMetrics(all.flat(), { step, sampledAt }),
        ...(refill === undefined ? {} : refillMetrics(sampled, { wanted: config.tasksPerStep, teaches: deps.teaches })),
        ...pool.learnOf(all),
        ...meter.metrics(),
      };
      const { groups, others, mismatch } = sampled;
      return { groups, others, metrics, ...(mismatch === undefined ? {} : { mismatch }) };
    },
    async state() {
      const scored = await Promise.all(ahead.map((step) => step.scored));
      return withVersions({ curriculum: pool.curriculum(), ahead: scored, inFlight: [], sampledAt });
    },
  };
}
