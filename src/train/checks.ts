// What a backend refuses before anything is computed: requests and batches that break a rule, with the rule and what was got.
// The first broken rule is the one that is told.

import { ConfigError } from "../base/errors.ts";
import type { Rollout } from "../data/rollout.ts";
import type { PolicyConfig } from "../policy/architecture.ts";
import type { ForwardSample, SampleRequest } from "../policy/backend.ts";
import { expertsOfToken } from "../policy/experts.ts";
import type { Routing } from "./forwardGraph.ts";

interface Rule {
  readonly holds: boolean;
  readonly rule: string;
}

/** Throws with the first rule that a request breaks. */
export function checkRequest(request: SampleRequest, config: PolicyConfig): void {
  const { id, promptTokens, temperature, topK = 1, topP = 1, maxNewTokens, thinkingBudget = 0, seed, pauseAfter = 1, continues } = request;
  const { maxPositions, vocabSize, numExperts } = config;
  const foreign = promptTokens.find((token) => token < 0 || token >= vocabSize);
  const rules: readonly Rule[] = [
    { holds: promptTokens.length > 0, rule: "a prompt must have at least one token, got none" },
    {
      holds: promptTokens.length < maxPositions,
      rule: `a prompt must leave room in the policy's ${maxPositions} positions, got ${promptTokens.length} tokens`,
    },
    { holds: foreign === undefined, rule: `tokens must be in 0..${vocabSize - 1}, got ${foreign}` },
    { holds: Number.isFinite(temperature) && temperature >= 0, rule: `temperature must be 0 or more, got ${temperature}` },
    { holds: Number.isInteger(topK) && topK >= 1, rule: `topK must be a whole number from 1 on, got ${topK}` },
    { holds: topP > 0 && topP <= 1, rule: `topP must be more than 0 and at most 1, got ${topP}` },
    {
      holds: Number.isInteger(maxNewTokens) && maxNewTokens >= 1,
      rule: `maxNewTokens must be a whole number from 1 on, got ${maxNewTokens}`,
    },
    {
      holds: Number.isInteger(thinkingBudget) && thinkingBudget >= 0,
      rule: `thinkingBudget must be a whole number from 0 on, got ${thinkingBudget}`,
    },
    { holds: /^[0-9a-f]{48}$/.test(seed), rule: `seed must be 48 hexadecimal digits, got "${seed}"` },
    { holds: Number.isInteger(pauseAfter) && pauseAfter >= 1, rule: `pauseAfter must be a whole number from 1 on, got ${pauseAfter}` },
    { holds: !request.recordExperts || numExperts > 0, rule: "recordExperts needs a policy with experts, got one without" },
    ...(continues === undefined ? [] : continuationRules(request, { continues, config })),
  ];
  const broken = rules.find(({ holds }) => !holds);
  if (broken !== undefined) throw new ConfigError(`sample: ${broken.rule} (request "${id}")`);
}

/** A rollout goes on as what it was: nothing that its tokens were drawn under may differ, but for the parameters. */
function continuationRules(
  { promptTokens, seed, temperature, thinkingBudget, maxNewTokens, recordExperts }: SampleRequest,
  { continues, config }: { continues: Rollout; config: PolicyConfig },
): readonly Rule[] {
  const { tokens, experts, finish, thinking } = continues;
  const numTokens = promptTokens.length + tokens.length;
  const numExperts = (numTokens - 1) * expertsOfToken(config);
  return [
    { holds: finish === "paused", rule: `only a paused rollout can go on, got one with finish "${finish}"` },
    {
      holds: isSame(promptTokens, continues.promptTokens),
      rule: `a rollout goes on with its own prompt, got another one of ${promptTokens.length} tokens`,
    },
    { holds: seed === continues.seed, rule: `a rollout goes on with its own seed "${continues.seed}", got "${seed}"` },
    {
      holds: temperature === continues.temperature,
      rule: `a rollout goes on at its own temperature ${continues.temperature}, got ${temperature}`,
    },
    {
      holds: thinkingBudget === thinking.budget,
      rule: `a rollout goes on with its own thinkingBudget ${thinking.budget ?? "(none)"}, got ${thinkingBudget ?? "none"}`,
    },
    {
      holds: tokens.length < maxNewTokens,
      rule: `maxNewTokens counts the tokens before the pause, and must leave room after ${tokens.length}, got ${maxNewTokens}`,
    },
    {
      holds: numTokens < config.maxPositions,
      rule: `prompt and response must leave room in the policy's ${config.maxPositions} positions, got ${numTokens} tokens`,
    },
    {
      holds: recordExperts === (experts && true),
      rule: `recordExperts must be as before the pause, got ${recordExperts ?? false} after ${experts !== undefined}`,
    },
    {
      holds: experts === undefined || experts.length === numExperts,
      rule: `the experts of ${numTokens - 1} tokens are ${numExperts} numbers, got ${experts?.length}`,
    },
  ];
}

/** Throws unless all samples have experts of this policy, or none has any. Returns which of the two. */
export function checkReplay(samples: readonly ForwardSample[], { verb, config }: { verb: string; config: PolicyConfig }): Routing {
  const without = samples.findIndex(({ experts }) => experts === undefined);
  if (samples.every(({ experts }) => experts === undefined)) return "own";
  if (without !== -1) {
    throw new ConfigError(
      `${verb}: of a batch either all samples have experts or none, got none at sample ${without}; record them for every rollout (recordExperts) or leave them out`,
    );
  }
  if (config.numExperts === 0) throw new ConfigError(`${verb}: experts need a policy with experts, got one without; leave them out`);
  for (const [i, { tokens, experts }] of samples.entries()) {
    const expected = (tokens.length - 1) * expertsOfToken(config);
    if (experts!.length !== expected) {
      throw new ConfigError(
        `${verb}: the experts of ${tokens.length} tokens, the last one left out, are ${expected} numbers, got ${experts!.length} at sample ${i}; give those of its rollout as they are`,
      );
    }
    const foreign = experts!.find((expert) => expert >= config.numExperts);
    if (foreign !== undefined) {
      throw new ConfigError(
        `${verb}: experts must be in 0..${config.numExperts - 1}, got ${foreign} at sample ${i}; give those that this policy recorded`,
      );
    }
  }
  return "replayed";
}

function isSame(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((token, i) => token === b[i]);
}
