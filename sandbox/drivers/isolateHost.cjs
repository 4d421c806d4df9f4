// Evaluates functions, each in an isolate of its own, inside the jail. An isolate is no boundary here: whoever breaks out of one is in the
// jail, with what the jail allows. It holds nothing but the evaluation it is at, and is replaced after a number of them.
"use strict";

const fs = require("node:fs");
fs.writeFileSync("isolated-vm.node", Buffer.from(fs.readFileSync("isolated-vm.base64", "latin1"), "base64"));
const { ivm } = require("./isolated-vm.node");

const [input, output] = [3, 4];
const { parse, stringify } = JSON;

function say(value) {
  const bytes = Buffer.from(`${stringify(value)}\n`);
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(output, bytes, at);
}

let rest = "";
function next() {
  for (;;) {
    const end = rest.indexOf("\n");
    if (end >= 0) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      return line;
    }
    const bytes = Buffer.alloc(1 << 16);
    const count = fs.readSync(input, bytes, 0, bytes.length, null);
    if (count === 0) process.reallyExit(0);
    rest += bytes.toString("latin1", 0, count); // what comes in is ASCII: other characters are escaped
  }
}

function evaluate({ source, call, args, timeoutMs, memoryMiB }) {
  const isolate = new ivm.Isolate({ memoryLimit: memoryMiB });
  try {
    const context = isolate.createContextSync();
    isolate.compileScriptSync(source, { filename: "program.js" }).runSync(context, { timeout: timeoutMs });
    const found = isolate.compileScriptSync(call).runSync(context, { timeout: timeoutMs, reference: true });
    const value = found.applySync(undefined, args, { timeout: timeoutMs, arguments: { copy: true }, result: { copy: true } });
    return { kind: "value", json: stringify(value) };
  } catch (error) {
    if (isolate.isDisposed) return { kind: "limit", limit: "memory" };
    const message = String(error?.message ?? error).slice(0, 2000);
    if (message === "Script execution timed out.") return { kind: "limit", limit: "wall" };
    return { kind: "thrown", name: String(error?.name ?? "Error").slice(0, 100), message };
  } finally {
    if (!isolate.isDisposed) isolate.dispose();
  }
}

say({ kind: "ready" });
for (;;) say(evaluate(parse(next())));
