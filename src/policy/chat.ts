// The chat format: how messages become tokens, and a response becomes thinking and answer. After Qwen3, but without line feeds around
// the thinking, since a policy that writes one character a token pays for each of them:
//
//     <|im_start|>user\n12+3=<|im_end|>\n<|im_start|>assistant\n<think>...</think>15<|im_end|>
//     `------------------------- prompt ----------------------´`--------- response ----------´
//
// A thinking budget stands in a turn of its own before the assistant's, so that whatever comes before it is the same with every budget:
//
//     <|im_start|>user\n12+3=<|im_end|>\n<|im_start|>system\nthink 32<|im_end|>\n<|im_start|>assistant\n
//
// Control tokens are placed by id, contents are encoded as plain text: what a task spells out cannot end a turn.

import type { Demonstration, Message, Task } from "../data/task.ts";
import { controlTokens, type Tokenizer } from "./tokenizer.ts";

/**
 * The same format for readers of tokenizer_config.json. `thinking_budget` is the budget in tokens; of 0, or with `enable_thinking=False` as
 * in Qwen3, there is an empty block of thinking.
 */
export const chatTemplate = [
  `{%- for message in messages %}`,
  `{{- '${controlTokens.turnStart}' + message.role + '\\n' + message.content + '${controlTokens.endOfTurn}\\n' }}`,
  `{%- endfor %}`,
  `{%- if add_generation_prompt %}`,
  `{%- set closed = (enable_thinking is defined and enable_thinking is false) or (thinking_budget is defined and thinking_budget == 0) %}`,
  `{%- if thinking_budget is defined and thinking_budget and not closed %}`,
  `{{- '${controlTokens.turnStart}system\\nthink ' ~ thinking_budget ~ '${controlTokens.endOfTurn}\\n' }}`,
  `{%- endif %}`,
  `{{- '${controlTokens.turnStart}assistant\\n' }}`,
  `{%- if closed %}`,
  `{{- '${controlTokens.thinkOpen}${controlTokens.thinkClose}' }}`,
  `{%- endif %}`,
  `{%- endif %}`,
].join("");

/**
 * Tokens up to where the assistant speaks. A thinking budget is told to the policy; one of 0 closes the thinking before it starts, so
 * that the response is the answer.
 */
export function encodePrompt({ messages, thinkingBudget }: Pick<Task, "messages" | "thinkingBudget">, tokenizer: Tokenizer): Int32Array {
  const header = [tokenizer.turnStartId, ...encodeTurn({ role: "assistant", content: "" }, tokenizer)];
  const told = thinkingBudget === undefined || thinkingBudget === 0 ? [] : [budgetMessage(thinkingBudget)];
  const turns = [...messages, ...told].flatMap((message) => [
    tokenizer.turnStartId,
    ...encodeTurn(message, tokenizer),
    tokenizer.endOfTurnId,
    ...tokenizer.encode("\n"),
  ]);
  const closed = thinkingBudget === 0 ? [tokenizer.thinkOpenId, tokenizer.thinkCloseId] : [];
  return Int32Array.from([...turns, ...header, ...closed]);
}

function budgetMessage(thinkingBudget: number): Message {
  return { role: "system", content: `think ${thinkingBudget}` };
}

/** Prompt and response of a demonstration. `targets` are the positions of the response's tokens that are learned, the end of the turn included. */
export function encodeDemonstration(demonstration: Demonstration, tokenizer: Tokenizer): { tokens: Int32Array; targets: Int32Array } {
  const prompt = encodePrompt(demonstration.task, tokenizer);
  const { block, forced } = encodeThinking(demonstration, tokenizer);
  const response = [...block, ...tokenizer.encode(demonstration.answer), tokenizer.endOfTurnId];
  const targets = response.map((_, i) => prompt.length + i).filter((_, i) => i !== forced);
  return { tokens: Int32Array.from([...prompt, ...response]), targets: Int32Array.from(targets) };
}

/**
 * The block of thinking, and the position in it that a budget forced. Under a budget it is in the most detailed style that fits, where to
 * fit is to leave room for the closing token: at the budget that is forced. Where none fits, the tersest is cut there, and what follows is
 * learned as an answer from what was thought so far; the cut itself is nobody's choice and is not learned.
 */
function encodeThinking(
  { task: { thinkingBudget }, thinking, terser = [] }: Demonstration,
  { encode, thinkOpenId, thinkCloseId }: Tokenizer,
): { readonly block: readonly number[]; readonly forced?: number } {
  if (thinkingBudget === 0) return { block: [] };
  const styles = [thinking, ...terser].map((text) => encode(text));
  const fitting = thinkingBudget === undefined ? styles[0] : styles.find(({ length }) => length < thinkingBudget);
  if (fitting !== undefined) return { block: [thinkOpenId, ...fitting, thinkCloseId] };
  const cut = styles.at(-1)!.subarray(0, thinkingBudget);
  return { block: [thinkOpenId, ...cut, thinkCloseId], forced: cut.length + 1 };
}

/** A response as text. */
export interface ResponseParts {
  /** What stands in the block of thinking; all of the response when the block was never closed. */
  readonly thinkingText: string;
  /** What the verifier sees: everything after the thinking. Empty when the thinking was never closed. */
  readonly answerText: string;
  /** Tokens inside the block, its two control tokens not counted. */
  readonly thinkingTokens: number;
  /** Whether a block of thinking was opened and closed. */
  readonly closed: boolean;
}

/**
 * Takes a response apart. Thinking is a block that opens with the first token; control tokens anywhere else belong to the text around
 * them, spelled out, so that nothing can be hidden from a verifier between an answer and a second block.
 */
export function splitResponse(tokens: ArrayLike<number>, tokenizer: Tokenizer): ResponseParts {
  const { thinkOpenId, thinkCloseId, endOfTurnId, decode } = tokenizer;
  const all = Array.from(tokens);
  const end = all.indexOf(endOfTurnId);
  const response = end === -1 ? all : all.slice(0, end);
  if (response[0] !== thinkOpenId) return { thinkingText: "", answerText: decode(response), thinkingTokens: 0, closed: false };
  const close = response.indexOf(thinkCloseId);
  const closed = close !== -1;
  const thinking = response.slice(1, closed ? close : undefined);
  return {
    thinkingText: decode(thinking),
    answerText: closed ? decode(response.slice(close + 1)) : "",
    thinkingTokens: thinking.length,
    closed,
  };
}

/**
 * As `splitResponse`, for a response that is kept as text: every control token that is spelled out counts as one. Text does not tell
 * whether the policy wrote a control token or its characters; as tokens, the characters would stay text.
 */
export function splitResponseText(response: string): Pick<ResponseParts, "thinkingText" | "answerText"> {
  const [turn] = response.split(controlTokens.endOfTurn, 1);
  if (!turn!.startsWith(controlTokens.thinkOpen)) return { thinkingText: "", answerText: turn! };
  const block = turn!.slice(controlTokens.thinkOpen.length);
  const close = block.indexOf(controlTokens.thinkClose);
  if (close === -1) return { thinkingText: block, answerText: "" };
  return { thinkingText: block.slice(0, close), answerText: block.slice(close + controlTokens.thinkClose.length) };
}

/** A turn between its control tokens. The content follows the header in one piece, as it does in the text that the template gives. */
function encodeTurn({ role, content }: Message, tokenizer: Tokenizer): number[] {
  const roleId = tokenizer.addedTokenId(role);
  return roleId === undefined ? [...tokenizer.encode(`${role}\n${content}`)] : [roleId, ...tokenizer.encode(`\n${content}`)];
}
