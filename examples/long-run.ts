// Two thousand steps of reinforcement learning, to see whether anything drifts: the quickstart's policy and tasks and longer ones, so that
// they do not run out, two updates a step so that the clip has something to hold, and a measurement on the same 1,024 held-out sums every
// 100 steps.
//
//     npx whetstone train examples/long-run.ts
//     npm run bench -- long-run --run long-run-1            # whether it stayed sound
//     npm run bench -- long-run --run long-run-1 --ablate   # shortened, from the same start, with one stabiliser off at a time
//
// docs/stability.md says what each stabiliser is for.

import { defineRecipe } from "../src/index.ts";
import quickstart from "./quickstart.ts";

const chain = (minTerms: number, maxTerms: number) => ({
  family: "arithmetic-chain" as const,
  settings: { minTerms, maxTerms, maxDigits: 2 },
});

export default defineRecipe({
  name: "long-run",
  model: quickstart.model!,
  data: { ...quickstart.data, training: { kind: "families", families: [chain(2, 4), chain(5, 5), chain(6, 6)] } },
  rewards: quickstart.rewards,
  sft: quickstart.sft!,
  rl: { steps: 2000, tasksPerStep: 32, minibatchTasks: 16, learningRate: 1.5e-4, maxNewTokens: 72, decay: { kind: "linear", floor: 0.3 } },
  eval: { everySteps: 100, tasks: 1024, finalTasks: 1024 },
  checkpoints: { everySteps: 100, keepEverySteps: 500 },
});
