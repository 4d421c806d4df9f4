// What an author's file can import wherever it lies: "whetstone" is this very copy of the project, so that a verifier runs on the code of its
// run, and "zod" is found here when the file has none of its own. "whetstone/verifier" is the contract alone, which loads faster.

import { registerHooks } from "node:module";
import { extname } from "node:path";

const here = import.meta.url;
const ownModules = new Map([
  ["whetstone", new URL(`../index${extname(here)}`, here).href],
  ["whetstone/verifier", new URL(`./verifier${extname(here)}`, here).href],
]);

/** Changes how this process resolves imports; for worker processes only. */
export function provideAuthorModules(): void {
  registerHooks({
    resolve(specifier, context, next) {
      const own = ownModules.get(specifier);
      if (own !== undefined) return next(own, context);
      if (specifier !== "zod") return next(specifier, context);
      try {
        return next(specifier, context);
      } catch {
        return next(specifier, { ...context, parentURL: here });
      }
    },
  });
}
