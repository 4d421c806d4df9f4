// GRPO in one file. A mixture-of-experts policy, random at first, is shown a digit and paid for naming the next one; nobody ever shows
// it an answer. What makes it GRPO is below: groups, advantages, the clipped loss. `src/rl/loop.ts` is the same with checkpoints,
// verifiers in processes of their own, and a record that a killed run goes on from. Takes a few seconds.
//
//     npx node examples/grpo-in-one-file.ts

import {
  characterTokenizerJson,
  clip,
  EmbeddedBackend,
  encodePrompt,
  exp,
  initialParameters,
  type Loss,
  loadTokenizer,
  minimum,
  mul,
  neg,
  type PolicyConfig,
  type Rollout,
  rngFor,
  type SampleRequest,
  sub,
  sum,
  type TrainSample,
} from "../src/index.ts";

const seed = 0;
const steps = 60;
const groupSize = 32;
const digits = [..."0123456789"];

/** The task: 3 is answered by 4, and 9 by 0. */
const reward = (digit: string, { answerText }: Rollout): number => (answerText === digits[(Number(digit) + 1) % 10] ? 1 : 0);

const tokenizer = loadTokenizer(characterTokenizerJson(digits.join(""), { vocabSize: 20 }));
const architecture: PolicyConfig = {
  vocabSize: tokenizer.vocabSize,
  width: 32,
  numLayers: 2,
  numHeads: 2,
  numKvHeads: 1,
  headWidth: 16,
  numExperts: 4,
  expertsPerToken: 2,
  expertWidth: 32,
  denseWidth: 0,
  normTopkProb: true,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-6,
  tieEmbeddings: false,
  maxPositions: 32,
  routerAuxLossWeight: 0.01,
  routerZLossWeight: 0.001,
};

/**
 * -sum_t w_t min(r_t A_t, clip(r_t, 0.8, 1.28) A_t) with r = exp(logProb - oldLogProb). It is built once as a graph, and the
 * backend differentiates it. With one update a step, as here, r is 1 and this is the policy gradient.
 */
const clippedSurrogate: Loss = {
  name: "clipped-surrogate-example",
  settings: {},
  build({ logProb_N, entropy_N, column }) {
    const ratio_N = exp(sub(logProb_N, column("oldLogProb")));
    const bounded_N = clip(ratio_N, 0.8, 1.28);
    const surrogate_N = minimum(mul(ratio_N, column("advantage")), mul(bounded_N, column("advantage")));
    return {
      loss: neg(sum(mul(column("weight"), surrogate_N))),
      metrics: { entropy: sum(mul(column("weight"), entropy_N)) },
    };
  },
};

/** One request for each member of each digit's group; a thinking budget of 0 asks for the answer alone. */
function requests(step: number): SampleRequest[] {
  return digits.flatMap((digit, group) => {
    const promptTokens = encodePrompt({ messages: [{ role: "user", content: digit }], thinkingBudget: 0 }, tokenizer);
    return Array.from({ length: groupSize }, (_, index) => {
      const { seed: stream } = rngFor(seed, "rollout", step, group, index);
      return { id: `${step}.${group}.${index}`, taskId: digit, group, index, seed: stream, promptTokens, temperature: 1, maxNewTokens: 1 };
    });
  });
}

/** How much better each member did than its group: (R - mean) / std. A group that agrees teaches nothing. */
function advantages(rewards: readonly number[]): number[] {
  const mean = rewards.reduce((sum, r) => sum + r, 0) / rewards.length;
  const std = Math.sqrt(rewards.reduce((sum, r) => sum + (r - mean) ** 2, 0) / (rewards.length - 1));
  return rewards.map((r) => (r - mean) / (std + 1e-4));
}

function trainSample(
  { promptTokens, tokens, logProbs, temperature }: Rollout,
  { advantage, weight }: { advantage: number; weight: number },
): TrainSample {
  const all = (value: number): Float32Array => new Float32Array(tokens.length).fill(value);
  return {
    tokens: Int32Array.of(...promptTokens, ...tokens),
    targets: Int32Array.from(tokens, (_, t) => promptTokens.length + t),
    temperature,
    columns: { advantage: all(advantage), oldLogProb: logProbs, weight: all(weight) },
  };
}

await using policy = new EmbeddedBackend(
  { config: architecture, parameters: initialParameters(architecture, [seed]), tokenizerJson: tokenizer.json },
  { numThreads: 1, maxSequences: 256, gradientShards: 1, microBatchTokens: 8192 },
);
for (let step = 0; step < steps; step++) {
  const rollouts: Rollout[] = [];
  for await (const rollout of policy.sample(requests(step))) rollouts.push(rollout);
  rollouts.sort((a, b) => a.group - b.group || a.index - b.index); // they came in order of completion
  const samples = digits.flatMap((digit, group) => {
    const members = rollouts.slice(group * groupSize, (group + 1) * groupSize);
    const credit = advantages(members.map((rollout) => reward(digit, rollout)));
    return members.map((rollout, i) => trainSample(rollout, { advantage: credit[i]!, weight: 1 / rollouts.length }));
  });
  const { entropy } = await policy.forwardBackward({ samples }, clippedSurrogate);
  await policy.optimStep({ learningRate: 2e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0, maxGradNorm: 1 });
  const share = rollouts.reduce((total, rollout) => total + reward(rollout.taskId, rollout), 0) / rollouts.length;
  console.log(`step ${String(step).padStart(2)}   reward ${share.toFixed(3)}   entropy ${entropy!.toFixed(3)}`);
}
