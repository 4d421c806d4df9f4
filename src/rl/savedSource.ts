// The state of the source of groups in a checkpoint. Pass rates and the number of rollouts stand in trainer.json, which everything that
// opens a checkpoint reads. The rollouts lie beside it in rollouts.jsonl.gz, which only a stage that goes on reads, and which is absent
// where there are none. Its first line is the version, each further one a group, or the step that the groups after it are of. Every line is
// a gzip member of its own, so that one at a time is compressed; gzip's checksums and the number of rollouts tell damage.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";

import { z } from "zod";

import { CheckpointError } from "../base/errors.ts";
import { writeFileAtomic } from "../base/files.ts";
import type { Json } from "../base/json.ts";
import { packJson, unpackJson } from "../base/packedJson.ts";
import { parseJsonWith } from "../base/parse.ts";
import type { Group } from "./rollout.ts";
import { type GroupInFlight, initialSource, rolloutsOf, type SourceState } from "./sourceState.ts";
import type { StepGroups } from "./stepGroups.ts";

const rolloutsFile = "rollouts.jsonl.gz";

type SavedGroups = Pick<SourceState, "ahead" | "inFlight">;

const Step = z.int().nonnegative();

/** The part of trainer.json. */
export const SavedSource = z.strictObject({
  /** [step last drawn for, running pass rate] by task. */
  curriculum: z.record(z.string(), z.union([z.tuple([Step]), z.tuple([Step, z.number().min(0).max(1)])])).exactOptional(),
  /** How many `rolloutsFile` holds. */
  rollouts: z.int().positive().exactOptional(),
  sampledAt: z.record(z.string(), Step).exactOptional(),
});
type SavedSource = z.infer<typeof SavedSource>;

/** The first line of `rolloutsFile`; one of another version may say more. */
const Header = z.looseObject({ version: z.literal(1) });
const header: z.infer<typeof Header> = { version: 1 };

/** Any other line, before `packJson`. A checkpoint's own data is trusted. */
type Line =
  | { readonly kind: "step"; readonly step: Omit<StepGroups, "groups" | "others"> }
  | { readonly kind: "group" | "other"; readonly members: Group }
  | { readonly kind: "inFlight"; readonly group: GroupInFlight };

/** What is said of the state in trainer.json; undefined where there is nothing to carry. */
export function sourceToJson({ curriculum, sampledAt, ...state }: SourceState): Json | undefined {
  const rollouts = rolloutsOf(state).length;
  if (curriculum.size + rollouts === 0) return undefined;
  const practices = [...curriculum].map(([id, { lastDrawn, passRate }]) => [
    id,
    passRate === undefined ? [lastDrawn] : [lastDrawn, passRate],
  ]);
  return {
    ...(curriculum.size === 0 ? {} : { curriculum: Object.fromEntries(practices) as Json }),
    ...(rollouts === 0 ? {} : { rollouts }),
    ...(sampledAt.size === 0 ? {} : { sampledAt: Object.fromEntries(sampledAt) }),
  };
}

/** Puts the rollouts of the state into a checkpoint's folder. */
export function saveRollouts(folder: string, state: SourceState): void {
  if (rolloutsOf(state).length > 0) writeFileAtomic(join(folder, rolloutsFile), membersOf(state));
}

/** The state of a checkpoint by what its trainer.json says, which is nothing where there is none. */
export function restoreSource(saved: SavedSource | undefined, folder = ""): SourceState {
  if (saved === undefined) return initialSource;
  const { curriculum = {}, rollouts = 0, sampledAt = {} } = saved;
  const practices = Object.entries(curriculum).map(
    ([id, [lastDrawn, passRate]]) => [id, passRate === undefined ? { lastDrawn } : { lastDrawn, passRate }] as const,
  );
  return {
    ...(rollouts === 0 ? initialSource : readRollouts(join(folder, rolloutsFile), rollouts)),
    curriculum: new Map(practices),
    sampledAt: new Map(Object.entries(sampledAt)),
  };
}

const cure = "delete the folder to go on from the checkpoint before it";

function* membersOf(state: SavedGroups): Generator<Uint8Array> {
  yield gzipSync(`${JSON.stringify(header)}\n`);
  for (const line of linesOf(state)) yield gzipSync(`${JSON.stringify(packJson(line))}\n`);
}

function* linesOf({ ahead, inFlight }: SavedGroups): Generator<Line> {
  for (const { groups, others, ...step } of ahead) {
    yield { kind: "step", step };
    for (const members of groups) yield { kind: "group", members };
    for (const members of others) yield { kind: "other", members };
  }
  for (const group of inFlight) yield { kind: "inFlight", group };
}

function readRollouts(path: string, expected: number): SavedGroups {
  const refused = (got: string, cause?: unknown): CheckpointError =>
    new CheckpointError(`${path}: must hold the ${expected} rollouts that trainer.json tells of, got ${got}; ${cure}`, cause);
  if (!existsSync(path)) throw refused("no such file");
  try {
    const lines = textLines(gunzipSync(readFileSync(path)));
    checkVersion(lines.next().value ?? "", path);
    const state = groupsOf(lines);
    const found = rolloutsOf(state).length;
    if (found === expected) return state;
    throw refused(`${found}`);
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw refused(`a damaged file (${(cause as Error).message})`, cause);
  }
}

function checkVersion(line: string, path: string): void {
  const parsed = parseJsonWith(Header, line);
  if (parsed.success) return;
  const place = parsed.path === "" ? "its first line" : parsed.path;
  throw new CheckpointError(`${path}: ${place} ${parsed.rule}; use the version of whetstone that wrote it, or ${cure}`);
}

/** The state of `linesOf`. */
function groupsOf(lines: Iterable<string>): SavedGroups {
  const ahead: (StepGroups & { readonly groups: Group[]; readonly others: Group[] })[] = [];
  const inFlight: GroupInFlight[] = [];
  for (const text of lines) {
    const line = unpackJson(JSON.parse(text)) as Line;
    switch (line.kind) {
      case "step":
        ahead.push({ ...line.step, groups: [], others: [] });
        break;
      case "group":
        ahead.at(-1)!.groups.push(withRewards(line.members));
        break;
      case "other":
        ahead.at(-1)!.others.push(withRewards(line.members));
        break;
      case "inFlight":
        inFlight.push({ ...line.group, finished: withRewards(line.group.finished) });
        break;
      default:
        line satisfies never;
    }
  }
  return { ahead, inFlight };
}

/** What could not be scored has no reward in JSON. */
function withRewards(members: Group): Group {
  return members.map((member) => ({ ...member, reward: member.reward }));
}

function* textLines(bytes: Buffer): Generator<string, undefined> {
  for (let from = 0; from < bytes.length; ) {
    const feed = bytes.indexOf("\n", from);
    const end = feed < 0 ? bytes.length : feed;
    yield bytes.toString("utf8", from, end);
    from = end + 1;
  }
}
