// What authors of verifiers and recipes import from "whetstone". Everything here is meant to stay; whatever else they need is
// added by name. Verifier workers may load this file, so it names nothing that loads the engine.

export type { Json } from "./base/json.ts";
export type { Rng } from "./base/rng.ts";
export type { Demonstration, Message, Task } from "./data/task.ts";
export type { FailureKind, Verdict } from "./data/verdict.ts";
export { defineVerifier, type Verifier, type VerifierContext, type VerifierInput } from "./rewards/verifier.ts";
export { defineRecipe, type RecipeInput } from "./runs/recipe.ts";
