// The names that docs/metrics.md lists, as patterns: words in capitals stand for any name.

import { readFileSync } from "node:fs";
import { join } from "node:path";

const page = readFileSync(join(import.meta.dirname, "../../docs/metrics.md"), "utf8");

/** Of those given, the names that no row has. */
export function unlistedMetrics(names: readonly string[]): string[] {
  const patterns = listedMetrics().map((name) => new RegExp(`^${name.replaceAll(".", "\\.").replace(/\b[A-Z]{4,}\b/g, ".+")}$`));
  const isListed = (name: string): boolean => patterns.some((pattern) => pattern.test(name));
  return names.filter((name) => !isListed(name) && !isListed(name.replace(/^critic\//, "")));
}

/** As they are written in the first column of the page's tables. */
export function listedMetrics(): string[] {
  const firstColumns = page.split("\n").flatMap((line) => /^\| (`.*?) \|/.exec(line)?.[1] ?? []);
  return firstColumns.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!));
}
