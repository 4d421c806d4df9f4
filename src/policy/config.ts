// What a recipe may vary about the policy. Defaults are the policy of the quickstart: 1.8 million parameters that two CPU cores
// train in minutes. The vocabulary is not here, since the tokenizer decides it.

import { z } from "zod";

import type { PolicyConfig } from "./architecture.ts";

const Fields = z.strictObject({
  width: z.int().positive().default(128).describe("Width of the residual stream."),
  numLayers: z.int().positive().default(4).describe("Transformer layers."),
  numHeads: z.int().positive().default(4).describe("Query heads."),
  numKvHeads: z.int().positive().default(2).describe("Key and value heads, each shared by numHeads / numKvHeads query heads."),
  headWidth: z.int().positive().default(32).describe("Width of one head. Even, since rotary positions turn pairs of numbers."),
  numExperts: z.int().nonnegative().default(8).describe("Experts in each layer. 0: one dense feed-forward block instead."),
  expertsPerToken: z.int().nonnegative().default(2).describe("Experts that each token is sent to. Not used when numExperts is 0."),
  expertWidth: z.int().nonnegative().default(128).describe("Inner width of one expert. Not used when numExperts is 0."),
  denseWidth: z.int().nonnegative().default(384).describe("Inner width of the dense feed-forward block. Only used when numExperts is 0."),
  normTopkProb: z.boolean().default(true).describe("Scale the weights of a token's chosen experts to add up to 1."),
  ropeTheta: z.number().min(1).default(10_000).describe("Base of the rotary positions' wavelengths."),
  rmsNormEpsilon: z.number().positive().default(1e-6).describe("Added to the mean square inside every norm."),
  tieEmbeddings: z.boolean().default(false).describe("Use the embedding, transposed, as the output head."),
  maxPositions: z.int().positive().default(1024).describe("Longest sequence, prompt and response together, in tokens."),
  routerAuxLossWeight: z.number().nonnegative().default(0.01).describe("Weight of the load-balancing loss (arXiv:2101.03961, eq. 4)."),
  routerZLossWeight: z.number().nonnegative().default(0.001).describe("Weight of the router z-loss (arXiv:2202.08906, eq. 5)."),
});

/** The `model` section of a recipe: a `PolicyConfig` without the vocabulary. */
export const ModelConfig = Fields.superRefine((model, context) => {
  for (const { path, message } of brokenRules(model)) context.addIssue({ code: "custom", path: [path], message });
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
