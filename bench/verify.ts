// Whether programs are verified rightly, and how fast: reference solutions, mutants of them, and trivial programs beside bare bubblewrap.
// `--data=DIR` holds the public data sets, which are not part of the repository; without them nothing is measured. Caches are off.
// Options: --data=DIR.

import type { BenchOptions } from "./main.ts";
import { measureCode } from "./subject/verifyCode.ts";

export async function run({ data }: BenchOptions): Promise<Readonly<Record<string, unknown>>> {
  if (data === undefined) {
    console.error("verify: the data sets are not here; give the folder with humaneval.jsonl and mbpp.jsonl as --data=DIR");
    return { data: "absent" };
  }
  const numbers = await measureCode(data);
  if (numbers === undefined) console.error(`verify: no humaneval.jsonl and mbpp.jsonl in "${data}"; programs are not measured`);
  return { ...numbers };
}
