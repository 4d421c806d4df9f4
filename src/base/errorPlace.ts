// Where in its author's file an error comes from, as its stack says it. Node writes a syntax error's place above the message, as
// `FILE:LINE`, some lines and carets under the spot, or no carets where the text ends too soon; what was thrown while code ran has one frame
// a line, as `FILE:LINE:COLUMN`. Of a syntax error in JavaScript the stack says nothing: Node tells its place when it is asked to check the file.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** `FILE:LINE:COLUMN`, in `file` where the error passed through it, else where it was thrown; undefined where Node names no place. */
export function errorPlace(error: unknown, file: string): string | undefined {
  if (!(error instanceof Error) || error.stack === undefined) return undefined;
  const syntax = syntaxPlace(error.stack);
  if (syntax !== undefined) return syntax;
  const [ran] = error.stack.split("(node:internal/modules/", 1); // below are those who load it
  const frames = [...ran!.matchAll(/^ {4}at (?:.*\()?((?:file:\/\/)?\/.*?):(\d+):(\d+)\)?$/gm)];
  const places = frames.map(([, at, line, column]) => ({ at: pathOf(at!), line, column }));
  const found = places.find(({ at }) => at === file) ?? places[0];
  if (found !== undefined) return `${found.at}:${found.line}:${found.column}`;
  return error.name === "SyntaxError" ? checkedPlace(file) : undefined;
}

/** Of a syntax error in this very file, and not in one that it imports. */
function checkedPlace(file: string): string | undefined {
  if (!/\.[cm]?js$/.test(file)) return undefined;
  const { stderr } = spawnSync(process.execPath, ["--check", file], { encoding: "utf8", timeout: checkLimitMs });
  return syntaxPlace(stderr);
}

const checkLimitMs = 5000;

function syntaxPlace(stack: string): string | undefined {
  const [head, at, line] = /^((?:file:\/\/)?\/[^\n]*):(\d+)\n/.exec(stack) ?? [];
  if (head === undefined) return undefined;
  const before = /^(?:[^\n]*\n){1,8}?( *)\^+\s*\n/.exec(stack.slice(head.length))?.[1];
  return `${pathOf(at!)}:${line}${before === undefined ? "" : `:${before.length + 1}`}`;
}

function pathOf(place: string): string {
  return place.startsWith("file:") ? fileURLToPath(place.replace(/[?#].*$/, "")) : place;
}
