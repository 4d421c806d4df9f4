// How long should a policy think? Tasks of 1 to 25 steps, whose natural thinking takes 7 to 199 tokens, answered under thinking budgets
// and without one. Demonstrations show all that a budget may ask for: to think in many words, in few, or to be cut off and guess.
// Reinforcement learning then practises budgets and tasks longer than any demonstrated. docs/thinking.md says what came of it.
//
//     npx whetstone train examples/thinking.ts
//     npx whetstone eval runs/thinking-1/checkpoints/sft-002400 --budgets 0,16,32,64,128,auto
//     npx whetstone eval runs/thinking-1/checkpoints/rl-000200 --budgets 0,16,32,64,128,auto --svg thinking.svg
//
// A step takes eight tokens in many words ("l=3+4=7;") and four in few ("l=7;"), so that half the natural length is enough for every task. Tasks
// are spread evenly over the doublings of their length: each doubling of the budget makes room for another share of them.

import { defineRecipe } from "../src/index.ts";

/** With up to five variables that nothing needs, so that a question of 20 steps can be as long as one of 25. */
const steps = (minSteps: number, maxSteps: number, slipRate = 0) => ({
  family: "assignments" as const,
  settings: { minSteps, maxSteps, slipRate, maxUnused: 5 },
});

/** Up to 16 steps: in each entry twice as many as in the one before. */
const doublings = (slipRate = 0) => [steps(1, 2, slipRate), steps(3, 4, slipRate), steps(5, 8, slipRate), steps(9, 16, slipRate)];

export default defineRecipe({
  name: "thinking",
  model: { kind: "new", architecture: { maxPositions: 416 } },
  data: {
    demonstrations: {
      kind: "families",
      families: [...doublings(0.05), steps(17, 20, 0.05)],
      // Few words are the harder way, two look-ups in one token: two budgets a doubling show them in an eighth of the demonstrations.
      budgets: { grid: [0, 8, 12, 16, 24, 32, 48, 64, 96, 128], autonomousShare: 0.3 },
    },
    training: { kind: "families", families: [...doublings(), steps(17, 20), steps(21, 22), steps(23, 25)] },
    evaluation: { kind: "families", families: [...doublings(), steps(17, 25)] },
    evaluationBeyond: { kind: "families", families: [steps(21, 25)] },
  },
  rewards: { verifiers: [{ use: "numeric" }] },
  sft: { steps: 2400, batch: 32, learningRate: 3e-3, warmupSteps: 50, decay: { kind: "cosine", floor: 0.05 } },
  rl: {
    steps: 200,
    tasksPerStep: 32,
    learningRate: 3e-4,
    maxNewTokens: 224,
    decay: { kind: "linear", floor: 0.3 },
    thinking: { kind: "budgets", grid: [0, 8, 16, 32, 64, 96, 128], autonomousShare: 0.3 },
  },
  eval: { everySteps: 100, tasks: 128, finalTasks: 512 },
  checkpoints: { everySteps: 100 },
});
