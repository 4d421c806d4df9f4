// One supervised stage: demonstrations, loss and update, record, checkpoint. The batch of a step is a pure function of the step, so
// a stage that was killed and goes on from its last checkpoint takes the same steps again, to the same bits.

import type { Clock } from "../base/clock.ts";
import { digestBytes } from "../base/digest.ts";
import type { PolicyBackend, StepMetrics, TrainBatch } from "../policy/backend.ts";
import { guardedUpdate, isCheckpointWanted, optimSettings, phaseSpeed, type StageRecord, type StepRecord } from "../train/stage.ts";
import type { SftConfig } from "./config.ts";
import { crossEntropyLoss, type EncodedDemonstration, supervisedBatch } from "./loss.ts";

/** What the stage works with. */
export interface SftDeps {
  readonly policy: PolicyBackend;
  /** The demonstrations of a step; a pure function of it. */
  readonly demonstrations: (step: number, count: number) => readonly EncodedDemonstration[];
  /** Held-out measurements after a step; empty where none are due. */
  readonly evaluate: (nextStep: number, signal: AbortSignal) => Promise<StepMetrics>;
  readonly record: StageRecord<StepRecord>;
  readonly clock: Clock;
  /** When aborted, the step is finished and saved, and the stage ends. `signal` ends it at once. */
  readonly stop: AbortSignal;
}

/** Trains until `config.steps` or `stop`; resolves to the step to go on with. */
export async function trainSupervised(config: SftConfig, deps: SftDeps, signal: AbortSignal): Promise<number> {
  const { policy, record, clock, stop } = deps;
  const save = (folder: string): Promise<void> => policy.save(folder);
  let { nextStep: step, guard } = record.start;
  if (step === 0) await record.checkpoint({ nextStep: 0, guard }, save);
  while (step < config.steps && !stop.aborted) {
    signal.throwIfAborted();
    const startMs = clock.elapsedMs();
    const batch = supervisedBatch(deps.demonstrations(step, config.batch));
    const optimizer = optimSettings(config, { step, guard });
    const outcome = await guardedUpdate(policy, { batch, loss: crossEntropyLoss, optimizer, guard, stability: config.stability });
    guard = outcome.guard;
    if (outcome.kind === "untrusted") {
      const checkpoint = await record.goBack({ step, reason: outcome.reason, guard });
      await policy.load(checkpoint.folder);
      step = checkpoint.nextStep;
      continue;
    }
    const speed = phaseSpeed("training", { numTokens: numTokensOf(batch), elapsedMs: clock.elapsedMs() - startMs });
    const learned = outcome.kind === "applied" ? { ...outcome.metrics, skippedUpdates: 0 } : { skippedUpdates: 1 };
    const measured = await deps.evaluate(step + 1, signal);
    await record.recordStep({
      step,
      metrics: { ...learned, ...speed, ...measured, learningRate: optimizer.learningRate },
      digests: { batch: batchDigest(batch), ...(await policy.digests()) },
      guard,
      notes: outcome.kind === "skipped" ? [`update skipped: ${outcome.reason}`] : [],
    });
    step++;
    if (isCheckpointWanted(step, { guard, record, stop, steps: config.steps })) await record.checkpoint({ nextStep: step, guard }, save);
  }
  return step;
}

function numTokensOf({ samples }: TrainBatch): number {
  return samples.reduce((total, { tokens }) => total + tokens.length, 0);
}

function batchDigest({ samples }: TrainBatch): string {
  const arrays = samples.flatMap(({ tokens, targets }) => [tokens, targets]);
  return digestBytes(
    Int32Array.from(arrays, (array) => array.length),
    ...arrays,
  );
}
