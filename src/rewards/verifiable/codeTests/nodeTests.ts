// What runs JavaScript tests that are more than calls with literals, in a jail of their own: there the expected values are, and there the
// program is not. Each name that the tests use and the program has stands for the program's function, in the other jail; only values
// cross. Each text of tests is one test, which passes when it ends without an error.

export const nodeRunnerFile = "runner.cjs";

/** The runner for tests in `files`, in order. `names` are all that they mention. */
export const nodeRunner = (files: readonly string[], names: readonly string[]): string => `"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

let rest = "", numAsked = 0;
function ask(line) {
  numAsked++;
  const bytes = Buffer.from(line + "\\n");
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(4, bytes, at);
  const buffer = Buffer.alloc(65536);
  for (let end; ; ) {
    if ((end = rest.indexOf("\\n")) >= 0) {
      const [kind, ...parts] = JSON.parse(Buffer.from(rest.slice(0, end), "latin1").toString());
      rest = rest.slice(end + 1);
      if (kind === "raised") throw errorOf(parts[0], parts[1]);
      return parts;
    }
    const count = fs.readSync(3, buffer, 0, buffer.length, null);
    if (count === 0) process.reallyExit(0);
    rest += buffer.toString("latin1", 0, count);
  }
}
function errorOf(name, message) {
  const known = /^[A-Z]\\w*Error$/.test(name) ? globalThis[name] : undefined;
  const error = new (typeof known === "function" && known.prototype instanceof Error ? known : Error)(message);
  error.name = String(name);
  return error;
}
function decode(tagged) {
  if (!Array.isArray(tagged)) return tagged;
  const [tag, first] = tagged;
  switch (tag) {
    case "u": return undefined;
    case "i": return first.startsWith("-") ? -BigInt(first.slice(1)) : BigInt(first);
    case "f": return Number(first);
    case "l": return first.map(decode);
    case "s": return new Set(first.map(decode));
    case "m": return new Map(first.map((pair) => pair.map(decode)));
    case "d": {
      const object = {};
      for (const [key, value] of first) Object.defineProperty(object, key, { value: decode(value), writable: true, enumerable: true, configurable: true });
      return object;
    }
    default: throw new TypeError("the program returned an object of its own type " + String(first));
  }
}
function literal(value) {
  if (value === null || typeof value === "undefined" || typeof value === "boolean") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "bigint") return value + "n";
  if (Array.isArray(value)) return "[" + Array.from(value, literal).join(",") + "]";
  if (value instanceof Map) return "new Map([" + [...value].map(literal).join(",") + "])";
  if (value instanceof Set) return "new Set([" + [...value].map(literal).join(",") + "])";
  if (typeof value === "object" && [Object.prototype, null].includes(Object.getPrototypeOf(value))) {
    return "{" + Object.entries(value).map(([key, item]) => "[" + JSON.stringify(key) + "]:" + literal(item)).join(",") + "}";
  }
  throw new TypeError("only values can be given to the program, got " + (typeof value === "object" ? value.constructor?.name : typeof value));
}
// What the program did to its arguments is done to the tests' own.
function putBack(mine, theirs) {
  if (Array.isArray(mine) && Array.isArray(theirs)) mine.splice(0, mine.length, ...theirs);
  else if (mine?.constructor === Object && theirs?.constructor === Object) {
    for (const key of Object.keys(mine)) delete mine[key];
    Object.assign(mine, theirs);
  }
}
for (const name of ${JSON.stringify(names)}) {
  if (name in globalThis || decode(ask('"?", ' + JSON.stringify(name))[0]) !== true) continue;
  globalThis[name] = (...args) => {
    const parts = ask('"!", ' + [JSON.stringify(name), ...args.map(literal)].join(", "));
    const after = decode(parts[1]);
    args.forEach((mine, i) => putBack(mine, after[i]));
    return decode(parts[0]);
  };
}
console.assert = (value, ...said) => require("node:assert").ok(value, said.join(" ") || undefined);
(async () => {
  let passed = 0;
  const failures = [];
  for (const file of ${JSON.stringify(files)}) {
    const before = numAsked;
    try {
      await import(pathToFileURL(path.resolve(file)).href);
      passed++;
    } catch (error) {
      if (error instanceof SyntaxError && numAsked === before) {
        fs.writeSync(4, JSON.stringify(["broken", "SyntaxError: " + error.message]) + "\\n");
        process.exit(0);
      }
      failures.push(String(error?.name) + ": " + String(error?.message).slice(0, 300));
    }
  }
  fs.writeSync(4, JSON.stringify(["result", passed, failures.slice(0, 20), failures.length, ""]) + "\\n");
  process.exit(0);
})();
`;

const maxNames = 200;

/** Identifiers of a text that could be the program's; which of them are is asked in its jail. */
export function namesIn(code: string): string[] {
  const words = code.match(/(?<![.\w$])[A-Za-z_$][\w$]*/g) ?? [];
  return [...new Set(words)].filter((word) => !reserved.has(word)).slice(0, maxNames);
}

const reserved = new Set(
  "assert await async break case catch class const continue debugger default delete do else export extends false finally for function if import in instanceof let new null of return static super switch this throw true try typeof undefined var void while with yield require module exports".split(
    " ",
  ),
);
