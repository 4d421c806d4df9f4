// Instruction following in the format of IFEval (Zhou et al. 2023, arXiv:2311.07911): a list of instruction ids and the arguments of
// each. Strict looks at the response as it is; loose takes the best of eight variants of it, for each instruction by itself: with
// and without the first line, the last line and asterisks. What each instruction means: the files in instructions/.

import { z } from "zod";

import { parseWith } from "../../base/parse.ts";
import { quoteExcerpt } from "../excerpt.ts";
import { defineVerifier } from "../verifier.ts";
import type { Finding, Instruction } from "./instructions/instruction.ts";
import { instructionTable } from "./instructions/table.ts";

/** Longer answers score 0: no instruction asks for that much. */
export const maxAnswerChars = 131_072;
const maxInstructions = 64;

const Reference = z
  .strictObject({
    instruction_id_list: z.array(z.string()).min(1).max(maxInstructions).describe("Which instructions, by IFEval's ids"),
    kwargs: z.array(z.record(z.string(), z.json())).describe("The arguments of each, in the same order; null stands for none"),
    prompt: z.string().exactOptional().describe("Repeated for combination:repeat_prompt where kwargs give no prompt_to_repeat"),
    key: z.json().exactOptional().describe("Number of the published row; not looked at"),
    mode: z.enum(["strict", "loose"]).default("strict").describe("Whether the response is taken as it is, or the best of its variants"),
    score: z.enum(["all", "share"]).default("all").describe("1 when all are followed, or the share that is"),
  })
  .refine(({ instruction_id_list: ids, kwargs }) => ids.length === kwargs.length, {
    path: ["kwargs"],
    error: "must have one entry for each instruction",
  });

export const instructions = defineVerifier({
  id: "instructions",
  version: 1,
  checks: "form",
  reference: Reference,
  verify({ reference, answer }) {
    const asked = reference.instruction_id_list.map((id, i) =>
      readInstruction(id, { given: reference.kwargs[i]!, prompt: reference.prompt }),
    );
    const broken = asked.find((each) => each.kind === "broken");
    if (broken?.kind === "broken") return { kind: "unscorable", failure: "reference", reason: broken.why };
    if (answer.length > maxAnswerChars) {
      return { kind: "scored", score: 0, evidence: `the answer is beyond the cap of ${maxAnswerChars} characters` };
    }
    const variants = (reference.mode === "loose" ? looseVariants(answer) : [answer]).filter((text) => text.trim() !== "");
    const findings = asked.flatMap((each) => (each.kind === "ready" ? [best(each, variants)] : []));
    const numFollowed = findings.filter(({ followed }) => followed).length;
    return {
      kind: "scored",
      score: reference.score === "all" ? Number(numFollowed === findings.length) : numFollowed / findings.length,
      evidence: findings.map(({ followed, saw }, i) => `${followed ? "" : "not "}${reference.instruction_id_list[i]}: ${saw}`).join("; "),
      components: componentsOf(reference.instruction_id_list, findings),
    };
  },
});

type Asked =
  | { readonly kind: "ready"; readonly instruction: Instruction<unknown>; readonly given: unknown }
  | { readonly kind: "broken"; readonly why: string };

function readInstruction(
  id: string,
  { given, prompt }: { readonly given: Readonly<Record<string, unknown>>; readonly prompt: string | undefined },
): Asked {
  const instruction = instructionTable.get(id);
  if (instruction === undefined) return { kind: "broken", why: `instruction ${quoteExcerpt(id)}: is none of IFEval's` };
  const own = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
  const whole = id === "combination:repeat_prompt" && prompt !== undefined ? { prompt_to_repeat: prompt, ...own } : own;
  const parsed = parseWith(instruction.arguments, whole);
  if (parsed.success) return { kind: "ready", instruction, given: parsed.data };
  return { kind: "broken", why: `instruction "${id}": ${parsed.path === "" ? "its kwargs" : parsed.path} ${parsed.rule}` };
}

/** The first variant that follows, else what was found of the first: the response as it is. A blank response follows nothing. */
function best({ instruction, given }: Extract<Asked, { kind: "ready" }>, variants: readonly string[]): Finding {
  let first: Finding | undefined;
  for (const text of variants) {
    const finding = instruction.check(text, given);
    if (finding.followed) return finding;
    first ??= finding;
  }
  return first ?? { followed: false, saw: "the answer is blank" };
}

/** The eight of the published evaluation, which allow for an introduction, a closing line and emphasis around what was asked. */
function looseVariants(answer: string): string[] {
  const lines = answer.split("\n");
  const cut = [lines.slice(1), lines.slice(0, -1), lines.slice(1, -1)].map((rest) => rest.join("\n").trim());
  return [answer, ...cut].flatMap((text) => [text, text.replaceAll("*", "")]);
}

/** By id; the second of two with the same id is "id#2". */
function componentsOf(ids: readonly string[], findings: readonly Finding[]): Record<string, number> {
  const seen = new Map<string, number>();
  return Object.fromEntries(
    ids.map((id, i) => {
      const count = (seen.get(id) ?? 0) + 1;
      seen.set(id, count);
      return [count === 1 ? id : `${id}#${count}`, Number(findings[i]!.followed)];
    }),
  );
}
