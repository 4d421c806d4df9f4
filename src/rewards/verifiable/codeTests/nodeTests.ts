// What runs JavaScript tests that are more than calls with literals, in a jail of their own: there the expected values are, and there the
// program is not. A name that the tests look up and nobody else defines stands for the program's function, in the other jail; only values
// cross. Each text of tests is one test: it passes when it has called the program and all that it began has ended without an error.

export const nodeRunnerFile = "runner.cjs";

/** Whether tests hold what could fail, by their text. */
export const mayFail = (code: string): boolean => /assert|throw|expect|\btest\b|\bit\b/.test(code);

/** The runner for tests in `files`, in order. */
export const nodeRunner = (files: readonly string[]): string => `"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

let rest = "", numCalls = 0;
function ask(line) {
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
  broken("only values can be given to the program, got " + (typeof value === "object" ? value.constructor?.name : typeof value));
}
function tell(said) {
  const bytes = Buffer.from(JSON.stringify(said) + "\\n");
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(4, bytes, at);
  process.reallyExit(0);
}
function broken(why) {
  tell(["broken", why]);
}
// What the program did to its arguments is done to the tests' own.
function putBack(mine, theirs) {
  if (Array.isArray(mine) && Array.isArray(theirs)) mine.splice(0, mine.length, ...theirs);
  else if (mine?.constructor === Object && theirs?.constructor === Object) {
    for (const key of Object.keys(mine)) delete mine[key];
    Object.assign(mine, theirs);
  }
}
// Looked up when the tests use it, so that the program's jail learns of no name before, and of no other word of the tests.
const standing = new Map();
function stands(name) {
  if (typeof name !== "string" || !/^[A-Za-z_$][\\w$]*$/.test(name) || ["require", "module", "exports"].includes(name)) return false;
  if (!standing.has(name)) standing.set(name, decode(ask('"?", ' + JSON.stringify(name))[0]) === true ? standIn(name) : undefined);
  return standing.get(name) !== undefined;
}
const standIn = (name) => (...args) => {
  const line = '"!", ' + [JSON.stringify(name), ...args.map(literal)].join(", ");
  numCalls++;
  const parts = ask(line);
  const after = decode(parts[1]);
  args.forEach((mine, i) => putBack(mine, after[i]));
  return decode(parts[0]);
};
const assert = require("node:assert");
console.assert = (value, ...said) => assert.ok(value, said.join(" ") || undefined);
globalThis.assert = assert;

const files = ${JSON.stringify(files)};
let at = -1, before = 0, isLoaded = true, failure, passed = 0;
const failures = [];
const shown = (error) => String(error?.name) + ": " + String(error?.message).slice(0, 300);
// What a test has begun ends before the next one starts.
function settle() {
  if (at < 0) return;
  if (!isLoaded) failure ??= "it waits for what never comes";
  if (process.exitCode) failure ??= "tests of node:test failed";
  if (numCalls === before) failure ??= "it never called the program";
  process.exitCode = 0;
  if (failure === undefined) passed++;
  else failures.push(failure);
}
async function next() {
  [before, isLoaded, failure] = [numCalls, false, undefined];
  try {
    await import(pathToFileURL(path.resolve(files[++at])).href);
  } catch (error) {
    if (error instanceof SyntaxError && numCalls === before) broken(shown(error));
    failure ??= shown(error);
  }
  isLoaded = true;
}
process.on("uncaughtException", (error) => { failure ??= shown(error); });
process.on("beforeExit", () => {
  if (at >= files.length - 1) return;
  settle();
  setImmediate(next);
});
process.on("exit", () => {
  settle();
  tell(["result", passed, failures.slice(0, 20), failures.length, ""]);
});
Object.setPrototypeOf(globalThis, new Proxy(Object.getPrototypeOf(globalThis), {
  has: (target, name) => name in target || stands(name),
  get: (target, name, self) => (!(name in target) && stands(name) ? standing.get(name) : Reflect.get(target, name, self)),
}));
next();
`;
