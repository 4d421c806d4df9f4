// What an author's verifier or recipe can import wherever it lies: "whetstone" and what it exports are this very copy of the project,
// so that a file runs on the code of its run, and "zod" is found here when the file has none of its own.

import { registerHooks } from "node:module";
import { extname } from "node:path";

const here = import.meta.url;
const source = (path: string): string => new URL(`../${path}${extname(here)}`, here).href;

/** As the exports of package.json have them. */
const ownModules: ReadonlyMap<string, string> = new Map([
  ["whetstone", source("index")],
  ["whetstone/verifier", source("rewards/verifier")],
  ["whetstone/testing", source("rewards/testing")],
]);

let provided = false;

/** Changes how this process resolves imports from now on; for processes that load an author's verifier or recipe. */
export function provideAuthorModules(): void {
  if (provided) return;
  provided = true;
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
    // A folder that npm init made calls its files CommonJS; what authors write here is always a module.
    load: (url, context, next) =>
      next(url, context.format === "commonjs-typescript" ? { ...context, format: "module-typescript" } : context),
  });
}
