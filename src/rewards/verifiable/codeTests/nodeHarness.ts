// What runs beside a JavaScript program in its jail: loads it, makes the calls it is told of, and sends back values with their types. It
// holds no expected value and no verdict, so that a program which takes it over gains only the choice of what it returns. It keeps the
// builtins it uses in variables of its own: a program that replaces them breaks its own answers, and here they would be wrong for no reason.

export const nodeHarnessFile = "harness.cjs";

/**
 * The harness for a program in the file `programFile`. A line is a list of literals: a function's name and its arguments, before them "!"
 * where the arguments are asked for afterwards, or "?" and a name. The program's functions are found by `finding`, which stands after its text.
 */
export const nodeHarness = (programFile: string): string => `"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { types } = require("node:util");
const { isArray } = Array;
const arrayFrom = (items) => listFrom.call(Array_, items);
const Array_ = Array;
const { is, keys: keysOf, getPrototypeOf } = Object;
const stringify = JSON.stringify;
const objectPrototype = Object.prototype;
const { String, Buffer, ReferenceError } = globalThis;
const mapEntries = Map.prototype.entries, setValues = Set.prototype.values;
const bufferFrom = Buffer.from, bufferAlloc = Buffer.alloc, listFrom = Array.from;
const read = fs.readSync, write = fs.writeSync;
const find = (name) => globalThis.__program?.(name);

let left = 0;
function encode(value, depth) {
  if (--left < 0 || depth > 150) return '["o","a value beyond the caps",""]';
  switch (typeof value) {
    case "undefined": return '["u"]';
    case "boolean": return value ? "true" : "false";
    case "string": return stringify(value);
    case "bigint": return '["i","' + (value < 0n ? "-0x" + (-value).toString(16) : "0x" + value.toString(16)) + '"]';
    case "number": return '["f","' + (is(value, -0) ? "-0" : String(value)) + '"]';
    case "object": break;
    default: return '["o","' + typeof value + '",""]';
  }
  if (value === null) return "null";
  if (types.isProxy(value)) return '["o","Proxy",""]';
  if (isArray(value)) {
    let text = "";
    for (let i = 0; i < value.length; i++) text += (i > 0 ? "," : "") + encode(value[i], depth + 1);
    return '["l",[' + text + "]]";
  }
  if (types.isMap(value)) return '["m",[' + join(arrayFrom(mapEntries.call(value)), (pair) => "[" + encode(pair[0], depth + 1) + "," + encode(pair[1], depth + 1) + "]") + "]]";
  if (types.isSet(value)) return '["s",[' + join(arrayFrom(setValues.call(value)), (item) => encode(item, depth + 1)) + "]]";
  const prototype = getPrototypeOf(value);
  if (prototype === objectPrototype || prototype === null) {
    return '["d",[' + join(keysOf(value), (key) => "[" + stringify(key) + "," + encode(value[key], depth + 1) + "]") + "]]";
  }
  return '["o",' + stringify(String(prototype?.constructor?.name)) + "," + (typeof value.valueOf === "function" && value.valueOf !== objectPrototype.valueOf ? '"valueOf"' : '""') + "]";
}
function join(items, write) {
  let text = "";
  for (let i = 0; i < items.length; i++) text += (i > 0 ? "," : "") + write(items[i]);
  return text;
}
function say(line) {
  const bytes = bufferFrom(line + "\\n");
  for (let at = 0; at < bytes.length; ) at += write(4, bytes, at);
}
let rest = "";
function next() {
  for (;;) {
    const end = rest.indexOf("\\n");
    if (end >= 0) {
      const line = bufferFrom(rest.slice(0, end), "latin1").toString();
      rest = rest.slice(end + 1);
      return line;
    }
    const bytes = bufferAlloc(65536);
    const count = read(3, bytes, 0, bytes.length, null);
    if (count === 0) process.reallyExit(0);
    rest += bytes.toString("latin1", 0, count); // a character may end in the next piece
  }
}
function raised(error) {
  let name = "Error", message = "";
  try { name = String(error?.name ?? typeof error); message = String(error?.message ?? error).slice(0, 500); } catch {}
  return '["raised",' + stringify(name) + "," + stringify(message) + ',["Error"]]';
}
process.on("uncaughtException", (error) => say(raised(error)));
(async () => {
  try {
    await import(pathToFileURL(path.resolve(${JSON.stringify(programFile)})).href);
    say('["loaded"]');
  } catch (error) {
    say(raised(error));
  }
  let number = 0;
  for (;;) {
    const code = next();
    const file = path.resolve("call" + number++ + ".cjs");
    fs.writeFileSync(file, "module.exports = () => [" + code + "];");
    try {
      const [first, ...others] = require(file)();
      left = 200000;
      if (first === "?") {
        say('["value",' + encode(typeof find(others[0]) === "function", 0) + "]");
        continue;
      }
      const [name, ...args] = first === "!" ? others : [first, ...others];
      const found = find(name);
      if (typeof found !== "function") throw new ReferenceError(name + " is not defined");
      const value = await found(...args);
      // Tests that run as code also see what became of the arguments.
      say('["value",' + encode(value, 0) + (first === "!" ? "," + encode(args, 0) : "") + "]");
    } catch (error) {
      say(raised(error));
    }
  }
})();
`;

/**
 * After a program's text: finds its functions by name, whether it exports them or not. It names none, so that the text a program can read
 * of itself says nothing of its tests.
 */
export const finding = `
;globalThis.__program = function () {
  try { return eval(arguments[0]); } catch { return typeof module === "object" ? module.exports[arguments[0]] ?? module.exports : undefined; }
};
`;
