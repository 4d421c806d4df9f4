// Whether verifiers are right, and how fast: mathematical answers against other forms of themselves and near misses; reference solutions of
// programs, mutants of them, and trivial programs beside bare bubblewrap. `--data=DIR` holds the public data sets, which are not part of the
// repository; without them nothing is measured. Caches are off: every verdict reads its reference anew. Options: --data=DIR.

import type { BenchOptions } from "./main.ts";
import { measureCode } from "./subject/verifyCode.ts";
import { measureMath } from "./subject/verifyMath.ts";

export async function run({ data }: BenchOptions): Promise<Readonly<Record<string, unknown>>> {
  if (data === undefined) {
    console.error(
      "verify: the data sets are not here; give the folder with math500, gsm8k_test, humaneval and mbpp (.jsonl) as --data=DIR",
    );
    return { data: "absent" };
  }
  const mathNumbers = measureMath(data);
  if (mathNumbers === undefined) console.error(`verify: no math500.jsonl and gsm8k_test.jsonl in "${data}"; mathematics is not measured`);
  const codeNumbers = await measureCode(data);
  if (codeNumbers === undefined) console.error(`verify: no humaneval.jsonl and mbpp.jsonl in "${data}"; programs are not measured`);
  return { ...mathNumbers, ...codeNumbers };
}
