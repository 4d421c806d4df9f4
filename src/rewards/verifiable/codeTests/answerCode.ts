// The program in an answer: the last fenced block that names its language, else the last block, else the whole answer. Models explain, try
// and correct themselves before it, so that earlier blocks do not count, and show what it prints after it.

import type { Language } from "../../../../sandbox/client.ts";

/** Longer programs are not run. */
export const maxProgramChars = 100_000;

const fence = /^[ \t]*(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^\n]*$/;

/** What a fence calls each language, in small letters. */
const tags: Readonly<Record<Language, readonly string[]>> = {
  python: ["python", "python3", "py"],
  javascript: ["javascript", "js", "node", "mjs", "cjs"],
  typescript: ["typescript", "ts", "mts", "cts"],
};

/** Lines between an opening fence and its closing one, or the end of the answer. */
interface Block {
  readonly tag: string;
  readonly lines: string[];
}

/** At most the text of one block. */
export function programIn(answer: string, language: Language): string {
  const blocks: Block[] = [];
  let open: (Block & { readonly mark: string }) | undefined;
  for (const line of answer.split(/\r?\n/)) {
    const found = fence.exec(line);
    if (open === undefined) {
      if (found !== null) open = { mark: found[1]!, tag: found[2]!.toLowerCase(), lines: [] };
    } else if (found !== null && found[1]!.startsWith(open.mark) && found[2] === "") {
      blocks.push(open);
      open = undefined;
    } else {
      open.lines.push(line);
    }
  }
  // An answer that was cut off may lack its last fence.
  if (open !== undefined) blocks.push(open);
  const chosen = blocks.findLast(({ tag }) => tags[language].includes(tag)) ?? blocks.at(-1);
  return chosen === undefined ? answer : chosen.lines.join("\n");
}
