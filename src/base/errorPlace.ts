// Where in its author's file an error comes from, as its stack says it. Node writes a syntax error's place above the message, as
// `FILE:LINE`, some lines and carets under the spot; what was thrown while code ran has one frame a line, as `FILE:LINE:COLUMN`.

import { fileURLToPath } from "node:url";

/** `FILE:LINE:COLUMN`, in `file` where the error passed through it, else where it was thrown; undefined where the stack names no file. */
export function errorPlace(error: unknown, file: string): string | undefined {
  if (!(error instanceof Error) || error.stack === undefined) return undefined;
  const syntax = syntaxPlace(error.stack);
  if (syntax !== undefined) return syntax;
  const [ran] = error.stack.split("(node:internal/modules/", 1); // below are those who load it
  const frames = [...ran!.matchAll(/^ {4}at (?:.*\()?((?:file:\/\/)?\/.*?):(\d+):(\d+)\)?$/gm)];
  const places = frames.map(([, at, line, column]) => ({ at: pathOf(at!), line, column }));
  const found = places.find(({ at }) => at === file) ?? places[0];
  return found && `${found.at}:${found.line}:${found.column}`;
}

function syntaxPlace(stack: string): string | undefined {
  const [, at, line, before] = /^((?:file:\/\/)?\/[^\n]*):(\d+)\n(?:[^\n]*\n){1,8}?( *)\^+\s*\n/.exec(stack) ?? [];
  return at === undefined ? undefined : `${pathOf(at)}:${line}:${before!.length + 1}`;
}

function pathOf(place: string): string {
  return place.startsWith("file:") ? fileURLToPath(place.replace(/[?#].*$/, "")) : place;
}
