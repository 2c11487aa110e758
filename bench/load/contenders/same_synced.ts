/**
 * The library's statements sent by hand, with the one thing between PREPARE and COMMIT PREPARED that nobody can
 * leave out who must not forget a decision: a write of as many bytes as the library's log takes for a commit,
 * and a sync. They are done as by the disk itself (see `disk.ts`), shared by all callers that wait for them.
 * Nobody could read them again.
 *
 * @module
 */

import type { Contender, ContenderSettings } from "../contender.ts";
import { openDisk } from "./disk.ts";
import { openSame } from "./same_by_hand.ts";

/** Makes the file and connects. */
export async function openSameSynced(settings: ContenderSettings): Promise<Contender> {
  await using stack = new AsyncDisposableStack();
  const disk = stack.use(await openDisk(settings));
  const same = stack.use(await openSame(settings, () => disk.operate()));
  const opened = stack.move();
  return {
    counts: disk.counts,
    operate: () => same.operate(),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
