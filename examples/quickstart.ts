// What `npm start` runs: a mixture-of-experts policy learns sums from nothing. First from demonstrations, then by practice.
//
// The demonstrations are imperfect on purpose: each partial result is wrong with probability `slipRate`, and the slip is carried on
// to the answer, as in solutions written by people in a hurry. Imitation learns the slips too; reinforcement learning sees only
// whether the final answer is right, and unlearns them. Chains of five numbers are demonstrated by nobody: RL practises them.

import { defineRecipe } from "../src/index.ts";

const chain = (minTerms: number, maxTerms: number, slipRate = 0) => ({
  family: "arithmetic-chain" as const,
  settings: { minTerms, maxTerms, maxDigits: 2, slipRate },
});

export default defineRecipe({
  name: "quickstart",
  model: { kind: "new", architecture: { maxPositions: 128 } },
  data: {
    demonstrations: { kind: "families", families: [chain(2, 4, 0.15)] },
    training: { kind: "families", families: [chain(2, 4), chain(5, 5)] },
    evaluation: { kind: "families", families: [chain(2, 4)] },
    evaluationBeyond: { kind: "families", families: [chain(5, 5)] },
  },
  rewards: { verifiers: [{ use: "numeric" }] },
  sft: { steps: 2000, batch: 32, learningRate: 3e-3, warmupSteps: 50, decay: { kind: "cosine", floor: 0.05 } },
  rl: { steps: 240, tasksPerStep: 32, learningRate: 3e-4, maxNewTokens: 64, decay: { kind: "linear", floor: 0.3 } },
  eval: { everySteps: 60, tasks: 128, finalTasks: 512 },
  checkpoints: { everySteps: 120 },
});
