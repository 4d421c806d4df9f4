// Waits inside the jail for one program, becomes it, and ends with it. Started before the program is known, so that starting Node is
// not part of the program's time. It holds nothing that the program must not see, and the channel is closed before the program starts,
// except for a program that was started for a conversation.
"use strict";

const fs = require("node:fs");
const module_ = require("node:module");
const path = require("node:path");

const channel = 3; // to read; 4 is to write
const work = process.cwd();

function take(count) {
  const bytes = Buffer.alloc(count);
  for (let at = 0; at < count; ) {
    const read = fs.readSync(channel, bytes, at, count - at, null);
    if (read === 0) process.reallyExit(125); // the supervisor went away
    at += read;
  }
  return bytes;
}
const number = () => take(4).readUInt32BE();
const text = () => take(number()).toString();
const list = (item) => Array.from({ length: number() }, item);

// What most programs load first, loaded while there is time. Touching process.stdout itself would make its pipe non-blocking.
for (const name of ["net", "tty", "stream", "util"]) require(name);
fs.writeSync(4, "R");
const entry = path.join(work, text());
const args = list(text);
let typeScript = false;
for (let left = number(); left > 0; left--) {
  const file = path.join(work, text());
  typeScript ||= /\.[cm]?ts$/.test(file);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, take(number()));
}
const stdin = take(number());
if (number() === 0) for (const fd of [channel, 4]) fs.closeSync(fd);
if (stdin.length > 0) {
  // A file on descriptor 0, the lowest that is free, so that /dev/stdin can be opened too.
  const hidden = path.join(path.dirname(work), ".stdin");
  fs.writeFileSync(hidden, stdin);
  fs.closeSync(0);
  fs.openSync(hidden, "r");
  fs.unlinkSync(hidden);
}
// Types are stripped already: the files keep their names and are read as JavaScript.
if (typeScript) {
  const formats = { ".ts": undefined, ".mts": "module", ".cts": "commonjs" };
  module_.registerHooks({
    load(url, context, next) {
      const extension = /\.[cm]?ts$/.exec(url)?.[0];
      if (extension === undefined || !url.startsWith("file:")) return next(url, context);
      const source = fs.readFileSync(new URL(url), "utf8");
      const format =
        formats[extension] ?? (/^\s*(?:import|export)\b|^\s*(?:const|let|var)?[^\n(]*\bawait\b/m.test(source) ? "module" : "commonjs");
      return { format, source, shortCircuit: true };
    },
  });
}
process.argv = [process.argv[0], entry, ...args];
delete require.cache[__filename];
module_.runMain(entry);
