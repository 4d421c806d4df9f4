// What is imported from "whetstone": the contracts for authors of verifiers and recipes, and the pieces of a trainer for a loop of
// one's own, as in `examples/grpo-in-one-file.ts`. Everything here is meant to stay; whatever else is needed is added by name.
// Verifier workers may load this file, so that it loads no engine: that happens when a policy is made, in a thread of its own.

// What is disposed of needs a newer library than an author's "target" may bring.
/// <reference lib="esnext.disposable" preserve="true" />

export type { Json } from "./base/json.ts";
export { type Rng, rngFor } from "./base/rng.ts";
export type { Rollout } from "./data/rollout.ts";
export type { Demonstration, Message, Task } from "./data/task.ts";
export type { FailureKind, Verdict } from "./data/verdict.ts";
export {
  abs,
  add,
  clip,
  constant,
  div,
  exp,
  largest,
  lessThan,
  log,
  maximum,
  minimum,
  mul,
  neg,
  sqrt,
  stopGradient,
  sub,
  sum,
} from "./graph/ops.ts";
export type { Tensor } from "./graph/tensor.ts";
export { characterTokenizerJson } from "./policy/alphabets.ts";
export { initialParameters, type PolicyConfig } from "./policy/architecture.ts";
export type {
  BuiltLoss,
  ForwardOutputs,
  ForwardSample,
  Loss,
  LossInputs,
  OptimSettings,
  PolicyBackend,
  SampleRequest,
  StepMetrics,
  TrainBatch,
  TrainSample,
} from "./policy/backend.ts";
export { encodePrompt } from "./policy/chat.ts";
export { loadTokenizer, type Tokenizer } from "./policy/tokenizer.ts";
export { first, gated, weighted } from "./rewards/terms.ts";
export { defineVerifier, type Verifier, type VerifierContext, type VerifierInput } from "./rewards/verifier.ts";
export { defineRecipe, type RecipeInput } from "./runs/recipe.ts";
export { EmbeddedBackend } from "./train/backend.ts";
