// What `npm start` runs: a mixture-of-experts policy learns sums from nothing. First from demonstrations, then by practice.
//
// The demonstrations are imperfect on purpose: each partial result is wrong with probability `slipRate`, and the slip is carried on
// to the answer, as in solutions written by people in a hurry. Imitation learns the slips too; reinforcement learning sees only
// whether the final answer is right, and unlearns them. Chains of five and six numbers are demonstrated by nobody: RL practises them.

import { defineRecipe } from "../src/index.ts";

const chains = (minTerms: number, maxTerms: number, slipRate = 0) => ({
  kind: "families" as const,
  families: [{ family: "arithmetic-chain" as const, settings: { minTerms, maxTerms, maxDigits: 2, slipRate } }],
});

export default defineRecipe({
  name: "quickstart",
  model: { kind: "new", architecture: { maxPositions: 128 } },
  data: {
    demonstrations: chains(2, 4, 0.12),
    training: chains(2, 6),
    evaluation: chains(2, 4),
    evaluationBeyond: chains(5, 6),
  },
  rewards: { verifiers: [{ use: "numeric" }] },
  sft: { steps: 600, batch: 64, learningRate: 2e-3, warmupSteps: 50, decay: { kind: "cosine", floor: 0.1 } },
  rl: { steps: 100, tasksPerStep: 32, learningRate: 1e-4, warmupSteps: 10, maxNewTokens: 72, algorithm: { kind: "grpo", groupSize: 8 } },
  eval: { everySteps: 50, tasks: 128, finalTasks: 512 },
  checkpoints: { everySteps: 50 },
});
