// The layout rules as pure functions over source files: what imports what, which packages live where, how long files get.
// `test/architecture.test.ts` runs them on the repository and on small invented trees that break each of them.
// They read text, not syntax trees: sources are formatted, so an import is always written one way.

import { posix } from "node:path";

/** One file; `path` is relative to the repository root, with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

interface ImportEdge {
  readonly from: string;
  /** As written. */
  readonly specifier: string;
  /** Path inside the repository; undefined for a package or a built-in module. */
  readonly target: string | undefined;
}

const foundation = ["base", "data", "graph", "policy", "train"];
const reinforcement = [...foundation, "rewards"];
const belowRuns = ["base", "graph", "runtime", "optim", ...reinforcement];
const libraries = [...belowRuns, "rewards/verifiable", "rewards/generative", "sft", "rl", "distill", "eval", "flywheel"];

/** What each folder under src may import beside itself. `sandbox/client` is the file `sandbox/client.ts` outside src. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  graph: ["base"],
  runtime: ["base", "graph"],
  optim: ["base"],
  data: ["base"],
  policy: ["base", "graph", "runtime", "data"],
  train: ["base", "graph", "runtime", "optim", "data", "policy"],
  rewards: ["base", "data", "sandbox/client"],
  "rewards/verifiable": ["rewards", "base", "data", "sandbox/client"],
  "rewards/generative": ["rewards", "base", "data"],
  sft: foundation,
  rl: reinforcement,
  distill: [...foundation, "rl"],
  eval: ["base", "data", "policy", "rewards"],
  flywheel: ["base", "data", "rewards", "eval"],
  runs: [...libraries, "sandbox/client"],
  serve: ["base", "data", "policy", "train", "rewards", "sandbox/client"],
  web: ["base", "runs"],
  cli: [...libraries, "runs", "serve", "web", "sandbox/client"],
  // The public surface re-exports from anywhere; nothing in src imports it.
  "index.ts": [...libraries, "runs", "serve", "web", "cli", "sandbox/client"],
  sandbox: [],
  examples: ["index.ts"],
  // A bench times parts that the public surface does not name.
  bench: ["index.ts", ...libraries, "runs", "examples", "sandbox", "sandbox/client"],
};

/** Heavy packages live behind one folder each; tests may use them as a second opinion. */
const onlyIn: Readonly<Record<string, string>> = {
  "onnxruntime-node": "runtime",
  "node:sqlite": "runs",
  bullmq: "runs",
  ioredis: "runs",
  commander: "cli",
  hyparquet: "data",
  "@huggingface/tokenizers": "policy",
};

/** Inputs that make a run unrepeatable, and the places that may read them. */
const hiddenInputs: readonly { readonly pattern: RegExp; readonly name: string; readonly allowed: RegExp }[] = [
  { pattern: /\bMath\.random\b/, name: "Math.random", allowed: /^$/ },
  { pattern: /\b(randomUUID|randomBytes|getRandomValues)\b/, name: "random bytes of the machine", allowed: /^src\/(cli|web|serve)\// },
  { pattern: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/, name: "the machine's clock", allowed: /^src\/base\/clock\.ts$/ },
  { pattern: /\bprocess\.env\b|\benv\b[^;\n]* from "node:process"/, name: "the environment", allowed: /^src\/cli\// },
];

/** The letter classes keep the words out of this file. */
const unfinished = /\b(?:TO[D]O|FIX[M]E|XX[X])\b/;

const dumpingGrounds = new Set(["utils", "util", "helpers", "common", "shared", "types", "services", "managers"]);

/** Violations of the import table, of the package rule and of the spelling of imports, one line each. */
export function importViolations(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => !path.startsWith("test/") && !path.startsWith("scripts/"))
    .flatMap((file) => fileImports(file).flatMap(edgeViolations));
}

function edgeViolations({ from, specifier, target }: ImportEdge): string[] {
  const folder = folderOf(from);
  if (target === undefined) {
    const home = Object.entries(onlyIn).find(([name]) => specifier === name || specifier.startsWith(`${name}/`))?.[1];
    return home !== undefined && home !== folder ? [`${from}: "${specifier}" is imported in src/${home} only`] : [];
  }
  const allowed = mayImport[folder];
  if (allowed === undefined) return [`${from}: the folder "${folder}" has no row in the import table`];
  const wanted = target === "sandbox/client.ts" ? "sandbox/client" : folderOf(target);
  if (wanted === folder || allowed.includes(wanted)) return [];
  return [`${from}: "${folder}" may not import "${wanted}" (${specifier})`];
}

/** Relative imports that do not name a `.ts` file. */
export function spellingViolations(files: readonly SourceFile[]): string[] {
  return files
    .flatMap(fileImports)
    .filter(({ specifier, target }) => target !== undefined && !/\.(ts|json)$/.test(specifier) && !target.startsWith("bin/"))
    .map(({ from, specifier }) => `${from}: relative imports end in .ts, got "${specifier}"`);
}

/** Groups of files that import one another in a circle, types included; each is listed from its first file in order of name. */
export function importCycles(files: readonly SourceFile[]): string[] {
  const paths = new Set(files.map(({ path }) => path));
  const targets = new Map(
    files.map((file) => [file.path, fileImports(file).flatMap(({ target }) => (target && paths.has(target) ? [target] : []))]),
  );
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) cycles.push([...trail.slice(start), path].join(" -> "));
    if (start >= 0 || done.has(path)) return;
    for (const target of targets.get(path)!) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of [...paths].sort()) visit(path, []);
  return cycles;
}

/** Hidden inputs used in src outside the places that may read them. */
export function hiddenInputViolations(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => path.startsWith("src/"))
    .flatMap(({ path, text }) => {
      const code = withoutComments(text);
      return hiddenInputs
        .filter(({ pattern, allowed }) => pattern.test(code) && !allowed.test(path))
        .map(({ name }) => `${path}: reads ${name}; take it as an argument`);
    });
}

/** File and folder names that say nothing, second `index.ts` files, missing headers, unfinished work. */
export function fileViolations(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const found: string[] = [];
    const ground = path.split("/").find((part) => dumpingGrounds.has(part.replace(/\.ts$/, "")));
    if (ground !== undefined) found.push(`${path}: "${ground}" names no idea`);
    if (path.endsWith("/index.ts") && path !== "src/index.ts") found.push(`${path}: src/index.ts is the only index.ts`);
    if (!path.startsWith("test/")) {
      const lines = headerLines(text);
      if (lines < 2 || lines > 8) found.push(`${path}: starts with a header of 2 to 8 comment lines, got ${lines}`);
    }
    const mark = unfinished.exec(text)?.[0];
    if (mark !== undefined) found.push(`${path}: says ${mark}; finish it or leave it out`);
    return found;
  });
}

/** Why a file may be long. `table` files are independent entries and may pass 600 lines. */
export interface LongFile {
  readonly reason: string;
  readonly table?: true;
}

/** Files over 400 lines without a stated reason, files over 600 that are no table, and reasons that are no longer needed. */
export function lengthViolations(files: readonly SourceFile[], longFiles: Readonly<Record<string, LongFile>>): string[] {
  const lengths = new Map(files.map(({ path, text }) => [path, text.trimEnd().split("\n").length]));
  const tooLong = [...lengths].flatMap(([path, lines]) => {
    if (lines > 600 && longFiles[path]?.table !== true)
      return [`${path}: ${lines} lines; over 600 only a table of independent entries may go`];
    if (lines > 400 && longFiles[path] === undefined) return [`${path}: ${lines} lines; over 400 needs a reason in the list of long files`];
    return [];
  });
  const stale = Object.keys(longFiles).filter((path) => (lengths.get(path) ?? 0) <= 400);
  return [...tooLong, ...stale.map((path) => `${path}: listed as long, but is not`)];
}

/** "rl", "rewards/verifiable", "index.ts" (of src), "sandbox", "examples", ... */
function folderOf(path: string): string {
  const parts = path.split("/");
  if (parts[0] !== "src") return parts[0]!;
  const nested = `${parts[1]}/${parts[2]}`;
  return parts.length > 3 && nested in mayImport ? nested : parts[1]!;
}

/** `import`, `export ... from` and `import()` of a file. */
function fileImports({ path, text }: SourceFile): ImportEdge[] {
  const found = withoutComments(text).matchAll(/(?:^(?:import|export)\b(?:[^"';]*?\bfrom)?\s*|\bimport\()"([^"]+)"/gm);
  return [...found].map(([, specifier]) => ({
    from: path,
    specifier: specifier!,
    target: specifier!.startsWith(".") ? posix.join(posix.dirname(path), specifier!) : undefined,
  }));
}

/** Number of comment lines at the top, a `#!` line aside. */
function headerLines(text: string): number {
  const lines = text.split("\n").filter((line, i) => !(i === 0 && line.startsWith("#!")));
  const end = lines.findIndex((line) => !/^(\/\/|\/\*| \*)/.test(line));
  return lines.slice(0, Math.max(end, 0)).filter((line) => /[a-z]/i.test(line)).length;
}

/** The text without comments; strings stay, since import specifiers are strings. */
function withoutComments(text: string): string {
  return text.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g,
    (_, quoted?: string) => quoted ?? "",
  );
}
