// A recipe: the description of a run that a user writes, composed of each folder's own schema. Paths in it are relative to its
// file. docs/recipe.md is generated from here: run scripts/recipe-docs.ts after any change.

import { z } from "zod";

import { alphabet } from "../data/alphabet.ts";
import { DataSource, DemonstrationSource, TrainingSource } from "../data/config.ts";
import { EvalConfig } from "../eval/config.ts";
import { ModelConfig } from "../policy/config.ts";
import { isLearnedFrom, namesOf, type RewardTerm, watching } from "../rewards/compose.ts";
import { RewardConfig } from "../rewards/config.ts";
import { RlConfig } from "../rl/config.ts";
import { SftConfig } from "../sft/config.ts";
import { EngineConfig, usualWarmup } from "../train/config.ts";
import { brokenPositionRules } from "./positions.ts";

const Tokenizer = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("character").describe("One token for each character of an alphabet."),
    alphabet: z.string().min(1).default(alphabet).describe("Every character that a task or a response may hold."),
  }),
  z.strictObject({ kind: z.literal("byte").describe("One token for each byte of UTF-8, for arbitrary text.") }),
  z.strictObject({
    kind: z.literal("file").describe("A Hugging Face tokenizer."),
    path: z.string().min(1).describe("A tokenizer.json file; it must know the chat tokens."),
  }),
]);

const Model = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("new").describe("Start from random parameters."),
    architecture: ModelConfig.prefault({}).describe("The transformer's shape."),
    tokenizer: Tokenizer.prefault({ kind: "character" }).describe("What turns text into tokens; it decides the size of the vocabulary."),
  }),
  z.strictObject({
    kind: z.literal("checkpoint").describe("Start from a checkpoint, with its own architecture and tokenizer."),
    path: z.string().min(1).describe("A checkpoint folder in Hugging Face layout."),
    optimizer: z
      .enum(["fresh", "checkpoint"])
      .default("fresh")
      .describe(
        "Where AdamW's moments come from: from zero, since they belong to what the checkpoint was trained on, or from the checkpoint's optimizer.safetensors, to train on as if nothing had happened. Runs that are resumed or forked always take the checkpoint's.",
      ),
  }),
]);

const Data = z.strictObject({
  demonstrations: DemonstrationSource.exactOptional().describe("What sft learns from. Absent: there is no sft."),
  training: TrainingSource.exactOptional().describe("Tasks that rl practises. Absent: there is no rl."),
  evaluation: DataSource.describe("Held-out tasks; no demonstration and no practised task is one of them."),
  evaluationBeyond: DataSource.exactOptional().describe("Held-out tasks harder than any demonstration, reported separately."),
});

const Checkpoints = z.strictObject({
  everySteps: z
    .int()
    .positive()
    .default(20)
    .meta({ description: "A checkpoint after every so many steps, and after the last.", unit: "steps" }),
  keepLast: z.int().min(1).default(2).meta({ description: "The newest so many are kept.", unit: "checkpoints" }),
  keepBest: z.boolean().default(true).describe("Keep the one with the best measured accuracy."),
  keepEverySteps: z
    .int()
    .positive()
    .exactOptional()
    .meta({ description: "Keep those of every so many steps for good. Absent: none.", unit: "steps" }),
});

/** The whole schema; rules across sections stand at its end. */
export const Recipe = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]*$/, "must be lower-case letters, digits and dashes, since folders are named after it")
      .describe("Runs are called by it and a number: quickstart-1, quickstart-2."),
    seed: z.int().nonnegative().default(0).describe("Every random draw of the run comes from it."),
    model: Model.prefault({ kind: "new" }).describe("Where the policy comes from."),
    data: Data.describe("Where tasks and demonstrations come from."),
    rewards: RewardConfig.describe("Who checks the answers, and how verdicts become one reward."),
    sft: SftConfig.exactOptional().describe("Supervised training on demonstrations. Absent: none."),
    rl: RlConfig.exactOptional().describe("Reinforcement learning from verdicts. Absent: none."),
    eval: EvalConfig.prefault({}).describe("Measurements on held-out tasks."),
    engine: EngineConfig.prefault({}).describe("How the machine is used."),
    checkpoints: Checkpoints.prefault({}).describe("When the run is saved and what is kept."),
  })
  .superRefine(({ data, rewards, sft, rl, model, eval: evaluation }, context) => {
    const fail = (path: readonly string[], message: string) => context.addIssue({ code: "custom", path: [...path], message });
    if (sft === undefined && rl === undefined) fail(["rl"], "or sft must be there, since a run without both does nothing");
    if (sft !== undefined && data.demonstrations === undefined)
      fail(["data", "demonstrations"], "must be there when there is an sft stage");
    if (rl !== undefined && data.training === undefined) fail(["data", "training"], "must be there when there is an rl stage");
    if (rl?.routingReplay === "rollout" && model.kind === "new" && model.architecture.numExperts === 0) {
      fail(["rl", "routingReplay"], 'must be "off" when model.architecture.numExperts is 0, since there is nothing to replay');
    }
    if (rl?.sampling.curriculum.kind === "pass-rate" && data.training?.kind === "families" && data.training.poolTasks === undefined) {
      fail(
        ["rl", "sampling", "curriculum", "kind"],
        'must be "none" where the tasks never end, since a pass rate is kept for tasks that come again; set data.training.poolTasks',
      );
    }
    const learned = rewards.terms.filter(isLearnedFrom).flatMap(namesOf);
    const heldOut = rl?.radar === undefined ? undefined : namesOf(rl.radar).find((name) => learned.includes(name));
    if (heldOut !== undefined) {
      fail(["rl", "radar", "verifier"], `must not be one that rewards.terms weighs or gates, or it sees no hole in them, got "${heldOut}"`);
    }
    if (model.kind !== "new") return; // a checkpoint's positions are known once it is read
    const { maxPositions } = model.architecture;
    const broken = brokenPositionRules({ rl, data, eval: evaluation }, { maxPositions, name: "model.architecture.maxPositions" });
    for (const { path, message } of broken) fail(path, message);
  });

/** Whom rollouts that are learned from are scored by: the reward's terms, and the radar's verifier beside them. */
export function practiceTerms({ rewards, rl }: Recipe): readonly RewardTerm[] {
  return rl?.radar === undefined ? rewards.terms : watching(rewards.terms, rl.radar.verifier);
}

/** A recipe as it is used: defaults filled in. */
export type Recipe = z.infer<typeof Recipe>;
/** A recipe as it is written. */
export type RecipeInput = z.input<typeof Recipe>;

/** A recipe as it could have been written: without what was derived from other keys, so that a change of those is followed. */
export function withoutDerived(recipe: Recipe): RecipeInput {
  const { sft, rl, ...rest } = recipe;
  return {
    ...rest,
    ...(sft === undefined ? {} : { sft: stageWithoutDerived(sft) }),
    ...(rl === undefined ? {} : { rl: rlWithoutDerived(rl) }),
  };
}

function stageWithoutDerived<Stage extends { steps: number; warmupSteps: number }>(stage: Stage): Omit<Stage, "warmupSteps"> {
  const { warmupSteps, ...rest } = stage;
  return warmupSteps === usualWarmup(stage.steps) ? rest : stage;
}

function rlWithoutDerived(rl: NonNullable<Recipe["rl"]>): NonNullable<RecipeInput["rl"]> {
  const { minibatchTasks, ...rest } = stageWithoutDerived(rl);
  return minibatchTasks === rl.tasksPerStep ? rest : { ...rest, minibatchTasks };
}

/** Identity with types: gives a recipe's author completion and checks in the editor. */
export function defineRecipe(recipe: RecipeInput): RecipeInput {
  return recipe;
}
