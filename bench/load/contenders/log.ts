/**
 * This library's log by itself: entries of so many bytes, each of which its caller waits for.
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

/** Opens a log. */
export async function openLog({ directory, bytes }: ContenderSettings): Promise<Contender> {
  const counts = noCounts();
  const log = await Log.open({
    directory,
    model: forgetfulModel,
    platform: countedPlatform(counts),
  });
  const entry = new Uint8Array(bytes).fill(FIRST_APPLICATION_TAG);
  return {
    counts,
    operate: () => log.append(entry),
    [Symbol.asyncDispose]: () => log.close(),
  };
}
