// Patterns that tasks bring along, run by an engine whose time is linear in the text (re2js, after RE2). What it cannot run in linear
// time, lookaround and back references, it does not know; that is told in words, never thrown.

import { RE2JS } from "re2js";

/** Longer patterns are refused. */
export const maxPatternChars = 2000;
/** States of a compiled pattern. The work of a match is at most states times characters, so this bounds it with the cap on a text. */
export const maxStates = 5000;

/** A pattern that can be run, or why it cannot. */
export type CompiledPattern =
  | { readonly kind: "pattern"; readonly matches: (text: string) => boolean; readonly find: (text: string) => string | undefined }
  | { readonly kind: "refused"; readonly why: string };

const flagBits: Readonly<Record<string, number>> = { i: RE2JS.CASE_INSENSITIVE, s: RE2JS.DOTALL, m: RE2JS.MULTILINE, u: 0 };

/** Compiles `pattern`, in the syntax of JavaScript as far as RE2 has it. `flags` are of i, s, m and u; u is always on. */
export function compilePattern(pattern: string, flags = ""): CompiledPattern {
  if (pattern.length > maxPatternChars) return refused(`it is beyond the cap of ${maxPatternChars} characters`);
  // The engine would take \k for the letter k.
  if (pattern.replaceAll(/\\[^k]/g, "").includes("\\k")) return refused("a linear-time engine cannot run it: named back reference \\\\k");
  const unknown = [...flags].find((flag) => !Object.hasOwn(flagBits, flag));
  if (unknown !== undefined) return refused(`flags are of i, s, m and u, got "${unknown}"`);
  try {
    const bits = [...flags].reduce((all, flag) => all | flagBits[flag]!, 0);
    const compiled = RE2JS.compile(RE2JS.translateRegExp(withShortCategories(pattern)), bits);
    if (compiled.programSize() > maxStates)
      return refused(`it compiles to ${compiled.programSize()} states, beyond the cap of ${maxStates}`);
    return {
      kind: "pattern",
      matches: (text) => compiled.matches(text),
      find: (text) => {
        const matcher = compiled.matcher(text);
        return matcher.find() ? (matcher.group() ?? "") : undefined;
      },
    };
  } catch (error) {
    return refused(`a linear-time engine cannot run it: ${(error as Error).message}`);
  }
}

const categories: Readonly<Record<string, string>> = {
  ...{ Letter: "L", Uppercase_Letter: "Lu", Lowercase_Letter: "Ll", Titlecase_Letter: "Lt", Modifier_Letter: "Lm", Other_Letter: "Lo" },
  ...{ Mark: "M", Number: "N", Decimal_Number: "Nd", digit: "Nd", Letter_Number: "Nl", Punctuation: "P", punct: "P", Symbol: "S" },
  ...{ Currency_Symbol: "Sc", Math_Symbol: "Sm", Separator: "Z", Space_Separator: "Zs" },
};

/** \p{Letter} as \p{L}: the engine knows general categories by their short names. */
function withShortCategories(pattern: string): string {
  return pattern.replace(/\\(?:([pP])\{(?:(?:General_Category|gc)=)?(\w+)\}|[\s\S])/g, (whole, sign, name) => {
    return sign === undefined ? whole : `\\${sign}{${Object.hasOwn(categories, name) ? categories[name] : name}}`;
  });
}

function refused(why: string): CompiledPattern {
  return { kind: "refused", why };
}
