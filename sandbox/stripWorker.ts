// The process that strips types: gets files, answers files, ends with its parent. Erasable types first, since that keeps every line and column; enums and
// namespaces, which Node itself would refuse, are rewritten.

import { stripTypeScriptTypes } from "node:module";

import type { StripReply } from "./typeScript.ts";

process.on("disconnect", () => process.exit(0));
process.on("message", (files: Readonly<Record<string, string>>) => process.send!(stripAll(files)));
strip("const loaded: boolean = true;"); // the first time takes longest, and is no program's
process.send!({ kind: "ready" } satisfies StripReply);

function stripAll(files: Readonly<Record<string, string>>): StripReply {
  const stripped: [string, string][] = [];
  for (const [path, text] of Object.entries(files)) {
    if (!/\.[cm]?ts$/.test(path)) {
      stripped.push([path, text]);
      continue;
    }
    try {
      stripped.push([path, strip(text)]);
    } catch (error) {
      const { code, message, stack = "" } = error as Error & { code?: string };
      if (code === "ERR_INVALID_TYPESCRIPT_SYNTAX" || code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") {
        const line = /^:\d+/.exec(stack)?.[0] ?? ""; // Node tells it nowhere else
        return { kind: "refused", why: `${path}${line}\n${message}\n` };
      }
      return { kind: "broken", why: message.split("\n")[0]! };
    }
  }
  return { kind: "stripped", files: Object.fromEntries(stripped) };
}

function strip(text: string): string {
  try {
    return stripTypeScriptTypes(text);
  } catch (error) {
    if ((error as { code?: string }).code !== "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") throw error;
    return stripTypeScriptTypes(text, { mode: "transform" });
  }
}
