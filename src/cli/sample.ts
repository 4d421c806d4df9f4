// `whetstone sample CHECKPOINT`: type a prompt, watch the policy think. With --prompt or --prompt-tokens it answers once.
// Answers come from the same sampler that training uses.

import { createInterface } from "node:readline";

import type { Command } from "commander";

import { ConfigError, EngineError, WhetstoneError } from "../base/errors.ts";
import { rngFor } from "../base/rng.ts";
import type { Rollout } from "../data/rollout.ts";
import type { SampleRequest } from "../policy/backend.ts";
import { encodePrompt } from "../policy/chat.ts";
import { type EmbeddedBackend, policyFromCheckpoint } from "../train/backend.ts";
import { EngineConfig } from "../train/config.ts";
import { atLeastOne, notNegative, refuseTogether, share, tokenList, wholeNumber } from "./options.ts";
import { print, printError, printJsonLine, write } from "./output.ts";

interface Options {
  readonly prompt?: string;
  readonly promptTokens?: Int32Array;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly maxTokens: number;
  readonly thinkingBudget?: number;
  readonly seed: number;
  readonly json?: true;
}

export function addSample(whetstone: Command): void {
  whetstone
    .command("sample")
    .description("type prompts and watch a checkpoint's policy think and answer")
    .argument("<checkpoint>", "checkpoint folder")
    .option("--prompt <text>", "answer this and end")
    .option("--prompt-tokens <ids>", "continue these tokens as they are, such as 1,2,3, and end", tokenList)
    .option("--temperature <t>", "0 takes the most likely token", notNegative, 1)
    .option("--top-k <k>", "draw from the k most likely tokens", atLeastOne)
    .option("--top-p <p>", "draw from the most likely tokens that together have probability p", share)
    .option("--max-tokens <count>", "longest response", atLeastOne, 256)
    .option("--thinking-budget <tokens>", "close the thinking after so many tokens; 0: do not think", wholeNumber)
    .option("--seed <number>", "names the random stream", wholeNumber, 0)
    .option("--json", "print {tokens, logProbs} and the texts as one line of JSON for each prompt; null for a token that was forced")
    .action(sample);
}

async function sample(checkpoint: string, options: Options): Promise<void> {
  const { prompt, promptTokens } = options;
  const given = { command: "sample", options: { "--prompt": prompt, "--prompt-tokens": promptTokens } };
  refuseTogether(given, ["--prompt", "--prompt-tokens"]);
  await using policy = policyFromCheckpoint(checkpoint, EngineConfig.parse({}));
  checkBudget(options, policy.config);
  if (promptTokens !== undefined) return await respond(policy, { promptTokens, options, number: 0 });
  if (prompt !== undefined) return await respond(policy, { promptTokens: promptOf(prompt, { policy, options }), options, number: 0 });
  await converse(policy, options);
}

/** A budget that no response can use up would be named in the prompt and close nothing. */
function checkBudget({ thinkingBudget = 0 }: Options, { maxPositions }: EmbeddedBackend["config"]): void {
  if (thinkingBudget < maxPositions) return;
  throw new ConfigError(
    `sample: --thinking-budget must be less than the policy's positions, which prompt and response share, got ${thinkingBudget} and ${maxPositions}; give a smaller budget`,
  );
}

/** One prompt a line until the input ends. */
async function converse(policy: EmbeddedBackend, options: Options): Promise<void> {
  const isTerminal = process.stdin.isTTY === true;
  const lines = createInterface({ input: process.stdin, output: process.stderr, prompt: "> ", terminal: isTerminal });
  if (isTerminal) lines.prompt();
  let number = 0;
  for await (const line of lines) {
    try {
      if (line.trim() !== "") await respond(policy, { promptTokens: promptOf(line, { policy, options }), options, number });
    } catch (error) {
      // Whoever types can type another prompt.
      if (!isTerminal || !(error instanceof WhetstoneError) || error.exitCode !== 2) throw error;
      printError(error.message);
    }
    number++;
    if (isTerminal) lines.prompt();
  }
}

interface Asked {
  readonly promptTokens: Int32Array;
  readonly options: Options;
  /** Of the prompt; each has a random stream of its own. */
  readonly number: number;
}

async function respond(policy: EmbeddedBackend, asked: Asked): Promise<void> {
  if (asked.options.json) {
    const { tokens, logProbs, thinkingText, answerText, finish } = await rollout(policy, requestFor(asked, asked.options.maxTokens));
    printJsonLine(asked.options.promptTokens === undefined ? { tokens, logProbs, thinkingText, answerText, finish } : { tokens, logProbs });
  } else if (process.stdout.isTTY === true) await watch(policy, asked);
  else print(textOf(await rollout(policy, requestFor(asked, asked.options.maxTokens)), policy));
}

/**
 * Writes the response while it grows. A response depends on its request alone, so that a longer one starts with the shorter one: asking
 * again for twice as many tokens costs at most twice the work and needs no stream out of the engine.
 */
async function watch(policy: EmbeddedBackend, asked: Asked): Promise<void> {
  const { maxTokens } = asked.options;
  let shown = "";
  for (let length = Math.min(8, maxTokens); ; length = Math.min(2 * length, maxTokens)) {
    const response = await rollout(policy, requestFor(asked, length));
    const text = textOf(response, policy);
    write(text.slice(shown.length));
    shown = text;
    if (response.finish === "stop" || length === maxTokens) break;
  }
  write("\n");
}

/** What was said, the end of the turn left out and an unfinished character too. */
function textOf({ tokens, finish }: Rollout, policy: EmbeddedBackend): string {
  return policy.tokenizer.decode(finish === "stop" ? tokens.subarray(0, -1) : tokens).replace(/\uFFFD+$/, "");
}

async function rollout(policy: EmbeddedBackend, request: SampleRequest): Promise<Rollout> {
  for await (const only of policy.sample([request])) return only;
  throw new EngineError(`sample: the engine must answer every request, got nothing for "${request.id}"`);
}

function requestFor({ promptTokens, options, number }: Asked, maxNewTokens: number): SampleRequest {
  const { temperature, topK, topP, thinkingBudget, seed } = options;
  return {
    id: `sample.${number}`,
    taskId: "sample",
    group: number,
    index: 0,
    seed: rngFor(seed, "sample", number).seed,
    promptTokens,
    temperature,
    maxNewTokens,
    ...(topK === undefined ? {} : { topK }),
    ...(topP === undefined ? {} : { topP }),
    ...(thinkingBudget === undefined ? {} : { thinkingBudget }),
  };
}

function promptOf(text: string, { policy, options }: { policy: EmbeddedBackend; options: Options }): Int32Array {
  const { thinkingBudget } = options;
  const messages = [{ role: "user", content: text }] as const;
  return encodePrompt({ messages, ...(thinkingBudget === undefined ? {} : { thinkingBudget }) }, policy.tokenizer);
}
