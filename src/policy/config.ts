// What a recipe may vary about the policy. Defaults are the policy of the quickstart: 1.8 million parameters that two CPU cores
// train in minutes. The vocabulary is not here, since the tokenizer decides it.

import { z } from "zod";

import { maxParameters, numParameters, type PolicyConfig } from "./architecture.ts";

/** What no policy that fits into one machine reaches; beyond them, arithmetic and lists would fail before a rule could be told. */
export const architectureCaps = { width: 65_536, layers: 512, heads: 1024, headWidth: 4096, experts: 1024, positions: 2 ** 20 };
const caps = architectureCaps;

const Fields = z.strictObject({
  width: z.int().positive().max(caps.width).default(128).describe("Width of the residual stream."),
  numLayers: z.int().positive().max(caps.layers).default(4).describe("Transformer layers."),
  numHeads: z.int().positive().max(caps.heads).default(4).describe("Query heads."),
  numKvHeads: z
    .int()
    .positive()
    .max(caps.heads)
    .default(2)
    .describe("Key and value heads, each shared by numHeads / numKvHeads query heads."),
  headWidth: z
    .int()
    .positive()
    .max(caps.headWidth)
    .default(32)
    .describe("Width of one head. Even, since rotary positions turn pairs of numbers."),
  numExperts: z
    .int()
    .nonnegative()
    .max(caps.experts)
    .default(8)
    .describe("Experts in each layer. 0: one dense feed-forward block instead."),
  expertsPerToken: z
    .int()
    .nonnegative()
    .max(caps.experts)
    .default(2)
    .describe("Experts that each token is sent to. Not used when numExperts is 0."),
  expertWidth: z.int().nonnegative().max(caps.width).default(128).describe("Inner width of one expert. Not used when numExperts is 0."),
  denseWidth: z
    .int()
    .nonnegative()
    .max(caps.width)
    .default(384)
    .describe("Inner width of the dense feed-forward block. Only used when numExperts is 0."),
  normTopkProb: z.boolean().default(true).describe("Scale the weights of a token's chosen experts to add up to 1."),
  ropeTheta: z.number().min(1).default(10_000).describe("Base of the rotary positions' wavelengths."),
  rmsNormEpsilon: z.number().positive().default(1e-6).describe("Added to the mean square inside every norm."),
  tieEmbeddings: z.boolean().default(false).describe("Use the embedding, transposed, as the output head."),
  maxPositions: z.int().positive().max(caps.positions).default(1024).describe("Longest sequence, prompt and response together, in tokens."),
  routerAuxLossWeight: z.number().nonnegative().default(0.01).describe("Weight of the load-balancing loss (arXiv:2101.03961, eq. 4)."),
  routerZLossWeight: z.number().nonnegative().default(0.001).describe("Weight of the router z-loss (arXiv:2202.08906, eq. 5)."),
});

/** The `model` section of a recipe: a `PolicyConfig` without the vocabulary. */
export const ModelConfig = Fields.superRefine((model, context) => {
  for (const { path, message } of brokenRules(model)) context.addIssue({ code: "custom", path: [path], message });
  // The vocabulary is not known here; `prepare` asks again when it is.
  const tooLarge = sizeRule({ ...model, vocabSize: 0 });
  if (tooLarge !== undefined) context.addIssue({ code: "custom", path: ["width"], message: tooLarge });
});

export type ModelConfig = z.infer<typeof ModelConfig>;

/** Rules across fields that make a model impossible to build, each with the field it is about. */
export function brokenRules(
  model: Omit<PolicyConfig, "vocabSize">,
): readonly { readonly path: keyof PolicyConfig; readonly message: string }[] {
  const { numHeads, numKvHeads, headWidth, numExperts, expertsPerToken, expertWidth, denseWidth } = model;
  const rules: readonly { readonly broken: boolean; readonly path: keyof PolicyConfig; readonly message: string }[] = [
    {
      broken: numHeads % numKvHeads !== 0,
      path: "numHeads",
      message: `must be a multiple of numKvHeads, or some key/value head serves fewer query heads, got ${numHeads} and ${numKvHeads}`,
    },
    {
      broken: headWidth % 2 !== 0,
      path: "headWidth",
      message: `must be even, since rotary positions turn pairs of numbers, got ${headWidth}`,
    },
    {
      broken: numExperts > 0 && (expertsPerToken < 1 || expertsPerToken > numExperts),
      path: "expertsPerToken",
      message: `must be between 1 and numExperts, got ${expertsPerToken} of ${numExperts}`,
    },
    {
      broken: numExperts > 0 && expertWidth < 1,
      path: "expertWidth",
      message: `must be positive when there are experts, got ${expertWidth}`,
    },
    {
      broken: numExperts === 0 && denseWidth < 1,
      path: "denseWidth",
      message: `must be positive when there are no experts, got ${denseWidth}`,
    },
  ];
  return rules.filter(({ broken }) => broken);
}

/** What is wrong with the size of a new policy, as words after `width`; a checkpoint's file says itself how much there is. */
export function sizeRule(config: PolicyConfig): string | undefined {
  const count = numParameters(config);
  if (count <= maxParameters) return undefined;
  return (
    `and the other sizes must make at most ${maxParameters.toLocaleString("en-US")} parameters (${gib(maxParameters)} GiB, which training holds ` +
    `several times), got ${count.toLocaleString("en-US")} (${gib(count)} GiB)`
  );
}

/** Of single-precision numbers. */
function gib(count: number): string {
  return ((count * 4) / 2 ** 30).toLocaleString("en-US", { maximumFractionDigits: 1 });
}
