// The program in an answer: the last fenced block, else the whole answer. Models explain, try and correct
// themselves before it, so that earlier blocks do not count.

/** Longer programs are not run. */
export const maxProgramChars = 100_000;

const fence = /^[ \t]*(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^\n]*$/;

/** Lines between an opening fence and its closing one, or the end of the answer. */
export function programIn(answer: string): string {
  const blocks: string[] = [];
  let open: { readonly mark: string; readonly lines: string[] } | undefined;
  for (const line of answer.split(/\r?\n/)) {
    const found = fence.exec(line);
    if (open === undefined) {
      if (found !== null) open = { mark: found[1]!, lines: [] };
    } else if (found !== null && found[1]!.startsWith(open.mark) && found[2] === "") {
      blocks.push(open.lines.join("\n"));
      open = undefined;
    } else {
      open.lines.push(line);
    }
  }
  // An answer that was cut off may lack its last fence.
  if (open !== undefined) blocks.push(open.lines.join("\n"));
  return blocks.at(-1) ?? answer;
}
