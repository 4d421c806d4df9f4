// Two thousand steps of reinforcement learning, to see whether anything drifts: the quickstart's policy and tasks, two updates a step so that the
// clip has something to hold, and a measurement on the same 1,024 held-out sums every 100 steps.
//
//     npx whetstone train examples/long-run.ts
//     npm run bench -- long-run --run long-run-1            # whether it stayed sound
//     npm run bench -- long-run --run long-run-1 --ablate   # shortened, from the same start, with one stabiliser off at a time
//
// docs/stability.md says what each stabiliser is for.

import { defineRecipe } from "../src/index.ts";
import quickstart from "./quickstart.ts";

export default defineRecipe({
  name: "long-run",
  model: quickstart.model!,
  data: quickstart.data,
  rewards: quickstart.rewards,
  sft: quickstart.sft!,
  rl: { steps: 2000, tasksPerStep: 32, minibatchTasks: 16, learningRate: 2e-4, maxNewTokens: 64, decay: { kind: "linear", floor: 0.3 } },
  eval: { everySteps: 100, tasks: 1024, finalTasks: 1024 },
  checkpoints: { everySteps: 100, keepEverySteps: 500 },
});
