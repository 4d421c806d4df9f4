// How text of a policy or an author is quoted in evidence and reasons: one line, short,
// and safe to print and to store.

/** `text` in double quotes with control characters and lone surrogates escaped, cut to `maxChars` with its whole length stated. */
export function quoteExcerpt(text: string, maxChars = 80): string {
  if (text.length <= maxChars) return JSON.stringify(text);
  return `${JSON.stringify(text.slice(0, maxChars))}... (${text.length} characters)`;
}
