// Cutting LaTeX into parts by its characters alone, without reading it as mathematics:
// what stands between brackets, between separators, between signs.

interface Brackets {
  readonly open: string;
  readonly close: string;
  readonly inner: string;
}

/** The brackets around a whole text, and what stands between them. */
export function bracketsOf(text: string): Brackets | undefined {
  const [, open, inner, close] = /^(?:\\left)?([([])([\s\S]*?)(?:\\right)?([)\]])$/.exec(text.trim()) ?? [];
  return open === undefined || inner === undefined || close === undefined ? undefined : { open, close, inner: inner.trim() };
}

/** The text with one number raised by one, for each number in it. */
export function digitChanges(text: string): string[] {
  return [...text.matchAll(/\d+/g)].map(
    ({ 0: digits, index }) => `${text.slice(0, index)}${BigInt(digits) + 1n}${text.slice(index + digits.length)}`,
  );
}

/** Parts between separators that stand outside all brackets. */
export function splitTop(text: string, separator: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if ("([{".includes(text[at]!)) depth++;
    else if (")]}".includes(text[at]!)) depth--;
    else if (depth === 0 && text.startsWith(separator, at)) {
      parts.push(text.slice(from, at).trim());
      from = at + separator.length;
    }
  }
  return [...parts, text.slice(from).trim()];
}

/** Terms with their signs, outside brackets. */
export function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if ("([{".includes(text[at]!)) depth++;
    else if (")]}".includes(text[at]!)) depth--;
    else if (depth === 0 && at > 0 && "+-".includes(text[at]!)) {
      terms.push(text.slice(from, at).trim());
      from = at;
    }
  }
  return [...terms, text.slice(from).trim()].map((term) => (/^[+-]/.test(term) ? term : `+${term}`));
}
