// The control beside the quickstart: supervised training goes on from the checkpoint where the quickstart turns to reinforcement
// learning, on more of the same demonstrations. What the quickstart gains over this is what practice adds to imitation.
//
//     npx whetstone train examples/quickstart-control.ts --set model.path=../runs/quickstart-1/checkpoints/sft-002000
//
// `npm run bench -- quickstart` gives it as much time as reinforcement learning took.

import { defineRecipe } from "../src/index.ts";
import quickstart from "./quickstart.ts";

export default defineRecipe({
  name: "quickstart-control",
  model: { kind: "checkpoint", path: "../runs/quickstart-1/checkpoints/sft-002000", optimizer: "checkpoint" },
  data: quickstart.data,
  rewards: quickstart.rewards,
  sft: { steps: 1200, batch: 32, learningRate: 2e-4, decay: { kind: "constant" } },
  eval: { everySteps: 100, tasks: 128, finalTasks: 512 },
  checkpoints: { everySteps: 1000 },
});
