// The files of a checkpoint by the digests of their content, which trainer.json states: whoever goes on from one learns on from what was
// saved, or is told which file is not that. Files that are not stated are nobody's business.

import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";

import { digestFile } from "../base/digest.ts";
import { CheckpointError } from "../base/errors.ts";

/** The file that holds the digests of the others, beside the trainer's state. */
export const trainerFile = "trainer.json";

/** Digests of content by path within the folder. */
export type FileDigests = Readonly<Record<string, string>>;

/** Of all files below `folder` but the trainer's, in order of path. */
export function digestFolder(folder: string): FileDigests {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((path) => path !== trainerFile);
  return Object.fromEntries(paths.toSorted().map((path) => [path, digestFile(join(folder, path))]));
}

/** What is checked. A message tells of `place`, since the folder may be a copy of that one. */
interface Expected {
  readonly files: FileDigests;
  readonly place: string;
  readonly cure: string;
}

/** Refuses a folder in which a file is missing or not as it was saved. */
export function checkFiles(folder: string, { files, place, cure }: Expected): void {
  for (const [path, saved] of Object.entries(files)) {
    const file = join(folder, path);
    const found = existsSync(file) ? digestFile(file) : undefined;
    if (found === saved) continue;
    const got = found === undefined ? "no such file" : short(found);
    throw new CheckpointError(
      `"${join(place, path)}": must be the file that was saved, of SHA-256 ${short(saved)} by ${trainerFile}, got ${got}; ${cure}`,
    );
  }
}

function short(digest: string): string {
  return `${digest.slice(0, 12)}...`;
}
