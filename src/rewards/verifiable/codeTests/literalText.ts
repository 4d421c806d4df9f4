// A value of a task as a literal of the program's language, to be evaluated next to the program. Only what tasks hold is written this
// way, never an answer. Always one line: a line of the conversation is a whole message.

import type { Language } from "../../../../sandbox/client.ts";
import type { Value } from "./values.ts";

export function literalText(value: Value, language: Language): string {
  const python = language === "python";
  const all = (items: readonly Value[]) => items.map((item) => literalText(item, language)).join(", ");
  switch (value.type) {
    case "none":
      return python ? "None" : "null";
    case "undefined":
      return "undefined";
    case "bool":
      return python ? (value.value ? "True" : "False") : String(value.value);
    case "int":
      return python ? String(value.value) : `${value.value}n`;
    case "float":
      return python ? pythonFloat(value.value) : Object.is(value.value, -0) ? "-0" : String(value.value);
    case "str":
      // JSON's escapes mean the same in both languages.
      return JSON.stringify(value.value);
    case "list":
      return `[${all(value.items)}]`;
    case "tuple":
      return value.items.length === 1 ? `(${all(value.items)},)` : `(${all(value.items)})`;
    case "set":
      return python ? `set([${all(value.items)}])` : `new Set([${all(value.items)}])`;
    case "dict":
      // Brackets, so that "__proto__" is a key like any other in JavaScript.
      return `{${value.entries.map(([key, item]) => `${python ? literalText(key, language) : `[${literalText(key, language)}]`}: ${literalText(item, language)}`).join(", ")}}`;
    default:
      throw new RangeError(`literalText: only values with a literal, got ${value.type}`);
  }
}

function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const text = Object.is(value, -0) ? "-0" : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
