// What a stage's checkpoints carry beside policy and guard, by owner: what the next step depends on. Each owner reads its own part, and
// has nothing to carry where its choices are not used.

import { join } from "node:path";

import { z } from "zod";

import { CheckpointError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import { parseWith } from "../base/parse.ts";
import type { StagePoint, StageStart } from "../train/stage.ts";
import { AlarmState } from "./alarms.ts";
import { RadarState } from "./radar.ts";
import { SavedSource } from "./savedSource.ts";

const Carried = z.strictObject({
  /** Of the source of groups. */
  source: SavedSource.exactOptional(),
  /** What alarms remember. */
  alarms: AlarmState.exactOptional(),
  /** What the radar remembers. */
  radar: RadarState.exactOptional(),
});
type Carried = z.infer<typeof Carried>;

/** The parts of a checkpoint's `carried`; none where a stage is new. */
export function readCarried({ carried = {}, folder = "" }: Pick<StageStart, "carried" | "folder">): Carried {
  const parsed = parseWith(Carried, carried);
  if (parsed.success) return parsed.data;
  const place = ["carried", ...parsed.keys].join(".");
  throw new CheckpointError(
    `${join(folder, "trainer.json")}: ${place} ${parsed.rule}; delete the folder to go on from the checkpoint before it`,
  );
}

/** How many rollouts a checkpoint carries that are still to be learned from. */
export function numCarriedRollouts(point: Pick<StageStart, "carried" | "folder">): number {
  return readCarried(point).source?.rollouts ?? 0;
}

/** The `carried` of a checkpoint; absent where no owner has anything to carry. */
export function carriedPoint(parts: { readonly [Owner in keyof Carried]: Json | undefined }): Pick<StagePoint, "carried"> {
  const kept = Object.entries(parts).filter((entry): entry is [string, Json] => entry[1] !== undefined);
  return kept.length === 0 ? {} : { carried: Object.fromEntries(kept) };
}
