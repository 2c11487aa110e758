/**
 * This library's log by itself: entries of so many bytes, each of which its caller waits for, be it for its
 * number (`append`) or for nothing but that it is on disk (`force`).
 *
 * @module
 */

import { FIRST_APPLICATION_TAG, Log, type LogModel } from "../../../src/wal/mod.ts";
import type { Contender, ContenderSettings } from "../contender.ts";
import { countedPlatform, noCounts } from "../counted_platform.ts";

/** Entries of which nothing is to be kept, as in a queue whose reader keeps up. */
export const forgetfulModel: LogModel<Uint8Array> = {
  encode: (entry) => entry,
  decode: (body) => body,
  reset: () => {},
  apply: () => {},
  checkpoint: () => [],
};

/** Opens a log whose callers are told the numbers of their entries. */
export function openLog(settings: ContenderSettings): Promise<Contender> {
  return open(settings, (log, entry) => log.append(entry));
}

/** Opens a log whose callers are told no number, as those of the disk itself. */
export function openForced(settings: ContenderSettings): Promise<Contender> {
  return open(settings, (log, entry) => log.force(entry));
}

async function open(
  { directory, bytes }: ContenderSettings,
  operate: (log: Log<Uint8Array>, entry: Uint8Array) => Promise<unknown>,
): Promise<Contender> {
  const counts = noCounts();
  const log = await Log.open({
    directory,
    model: forgetfulModel,
    platform: countedPlatform(counts),
  });
  const entry = new Uint8Array(bytes).fill(FIRST_APPLICATION_TAG);
  return {
    counts,
    operate: () => operate(log, entry),
    [Symbol.asyncDispose]: () => log.close(),
  };
}
