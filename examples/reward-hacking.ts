// A reward with a hole, and the radar that sees it. Sums are practised for a verifier that takes an answer for right when the number stands
// anywhere among its digits. A policy that is not sure learns to write many digits rather than to add: the reward rises, and the share of
// answers that are right by the task's own verifier, which is never trained on, falls.
//
//     npx whetstone train examples/reward-hacking.ts
//     npx whetstone runs show reward-hacking-1              # the alarms, with their causes
//     npx whetstone runs rollouts reward-hacking-1 --step 199

import { defineRecipe } from "../src/index.ts";

const sums = {
  kind: "families" as const,
  families: [{ family: "arithmetic-chain" as const, settings: { minTerms: 3, maxTerms: 5, maxDigits: 2 } }],
};

export default defineRecipe({
  name: "reward-hacking",
  model: { kind: "new", architecture: { width: 64, numLayers: 2, numExperts: 4, expertWidth: 64, maxPositions: 128 } },
  data: { demonstrations: sums, training: sums, evaluation: sums },
  rewards: {
    verifiers: [{ use: "numeric" }, { use: "./contains-number.ts" }],
    terms: [{ verifier: "contains-number", weight: 1 }],
  },
  sft: { steps: 400, batch: 32, learningRate: 3e-3 },
  rl: { steps: 200, tasksPerStep: 32, learningRate: 1e-3, maxNewTokens: 72, radar: { verifier: "task" } },
  eval: { everySteps: 100, tasks: 128, finalTasks: 512 },
  checkpoints: { everySteps: 100 },
});
