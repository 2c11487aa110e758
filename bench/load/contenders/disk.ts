/**
 * The disk itself: the same bytes, copied into a buffer and written without any framing over a file that
 * was written with zeros and synced, and a sync (fdatasync), in the thread that calls. A caller alone
 * writes and syncs at once; many share a write and a sync.
 *
 * @module
 */

import { denoFileSystem } from "../../../src/platform/deno_file_system.ts";
import type { Contender, ContenderSettings } from "../contender.ts";
import { noCounts } from "../counted_platform.ts";
import { Group } from "./group.ts";

/** As long as a segment of the log, so that the disk's own caches are used alike. */
const LENGTH = 16_777_216;
const PIECE = 65_536;

/** Makes the file. */
export async function openDisk(settings: ContenderSettings): Promise<Contender> {
  const { directory, concurrency, bytes } = settings;
  const counts = noCounts();
  const file = await writtenFile(`${directory}/raw`);
  await denoFileSystem.syncDirectory(directory);
  const record = new Uint8Array(bytes).fill(5);
  const buffer = new Uint8Array(bytes * concurrency);
  let length = 0;
  const write = (count: number) => {
    for (let index = 0; index < count; index++) buffer.set(record, index * bytes);
    const size = count * bytes;
    if (length + size > LENGTH) {
      file.seekSync(0, Deno.SeekMode.Start);
      length = 0;
    }
    // Measured as the log's own are, so that both pay for it.
    const begun = performance.now();
    if (file.writeSync(buffer.subarray(0, size)) < size) {
      throw new Error(`Cannot measure the disk: it took less than ${size} bytes, free some space`);
    }
    file.syncDataSync();
    counts.forcing += performance.now() - begun;
    length += size;
    counts.writes++;
    counts.syncs++;
    counts.bytes += size;
  };
  const group = new Group(write);
  const alone = () => {
    write(1);
    return Promise.resolve();
  };
  return {
    counts,
    operate: concurrency === 1 ? alone : () => group.join(),
    [Symbol.asyncDispose]: () => {
      file.close();
      return Promise.resolve();
    },
  };
}

/** A file of zeros that are on disk. */
async function writtenFile(path: string): Promise<Deno.FsFile> {
  const file = await Deno.open(path, { write: true, createNew: true });
  const piece = new Uint8Array(PIECE);
  for (let length = 0; length < LENGTH; length += PIECE) file.writeSync(piece);
  await file.sync();
  file.seekSync(0, Deno.SeekMode.Start);
  return file;
}
