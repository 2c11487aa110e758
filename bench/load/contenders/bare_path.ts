/**
 * The bare path of a commit: two branches that begin, prepare and commit, each of which is a promise, and before
 * the last the same bytes made durable as the disk itself does it. Nothing is encoded, counted, watched or
 * remembered, and no failure has a way back: what JavaScript and the disk leave to anybody who commits in two
 * phases.
 *
 * @module
 */

import type { Branch } from "../../../src/coordinator/participant.ts";
import type { Contender, ContenderSettings } from "../contender.ts";
import { NoOpParticipant } from "../no_op_participant.ts";
import { openDisk } from "./disk.ts";

/** Opens it. */
export async function openBarePath(settings: ContenderSettings): Promise<Contender> {
  const disk = await openDisk(settings);
  const branches = await Promise.all(["1", "2"].map((id) => new NoOpParticipant(id).acquire()));
  return {
    counts: disk.counts,
    operate: () => commitBarely(branches, () => disk.operate()),
    [Symbol.asyncDispose]: () => disk[Symbol.asyncDispose](),
  };
}

async function commitBarely(
  branches: readonly Branch<null>[],
  decide: () => Promise<unknown>,
): Promise<void> {
  await Promise.all(branches.map((branch) => branch.begin({ gid: "" })));
  await Promise.all(branches.map((branch) => branch.prepare()));
  await decide();
  await Promise.all(branches.map((branch) => branch.commitPrepared()));
}
