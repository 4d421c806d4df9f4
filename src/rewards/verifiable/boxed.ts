// The content of the last \boxed{...} or \fbox{...}, by which a response marks its final answer.
// Braces nest; a backslash takes the meaning from the brace after it.

/** What was found of a box. */
export type Box = { readonly kind: "none" } | { readonly kind: "unclosed" } | { readonly kind: "closed"; readonly content: string };

/** The last box wins: models box intermediate results too. A last box that never closes is reported, not passed over. */
export function lastBox(text: string): Box {
  const opening = [...text.matchAll(/\\(?:boxed|fbox)\s*\{/g)].at(-1);
  if (opening === undefined) return { kind: "none" };
  const start = opening.index + opening[0].length;
  let depth = 1;
  for (let at = start; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "{") depth++;
    else if (text[at] === "}" && --depth === 0) return { kind: "closed", content: text.slice(start, at) };
  }
  return { kind: "unclosed" };
}
