/**
 * This machine, with a count of what is written to segments of a log and of how long its syncs take. The
 * space that is prepared ahead is counted apart, since nobody waits for it.
 *
 * @module
 */

import { denoFileSystem } from "../../src/platform/deno_file_system.ts";
import type { FileHandle } from "../../src/platform/file_system.ts";
import { denoPlatform, type Platform } from "../../src/platform/platform.ts";

/** What a disk was asked to do. */
export interface DiskCounts {
  /** Writes of records. */
  writes: number;
  /** Syncs of records. */
  syncs: number;
  /** Bytes of records. */
  bytes: number;
  /** Bytes of space prepared ahead. */
  preparedBytes: number;
  /** Segments begun. */
  segments: number;
  /** Milliseconds from the beginning of a write of records to the end of the sync after it. */
  forcing: number;
}

/** Counts nothing yet. */
export function noCounts(): DiskCounts {
  return { writes: 0, syncs: 0, bytes: 0, preparedBytes: 0, segments: 0, forcing: 0 };
}

/** This machine; what its disk is asked to do is added to `counts`. */
export function countedPlatform(counts: DiskCounts): Platform {
  return {
    ...denoPlatform,
    fileSystem: {
      ...denoFileSystem,
      open: async (path, mode) => {
        const handle = await denoFileSystem.open(path, mode);
        if (mode === "create-new") {
          count(handle, counts);
        }
        return handle;
      },
      rename: async (from, to) => {
        await denoFileSystem.rename(from, to);
        if (to.endsWith(".wal")) counts.segments++;
      },
    },
  };
}

/** Puts counting methods into a handle, over its own: whatever else it can do stays as it is. */
function count(handle: FileHandle, counts: DiskCounts): void {
  const { write, writeAside, syncData } = handle;
  let begun = 0;
  handle.write = (bytes) => {
    begun = performance.now();
    const written = write.call(handle, bytes);
    counts.writes++;
    counts.bytes += written;
    return written;
  };
  handle.writeAside = async (bytes) => {
    const written = await writeAside.call(handle, bytes);
    counts.preparedBytes += written;
    return written;
  };
  handle.syncData = (aside) => {
    const syncing = syncData.call(handle, aside);
    counts.syncs++;
    const end = () => void (counts.forcing += performance.now() - begun);
    if (syncing instanceof Promise) return syncing.then(end);
    end();
    return syncing;
  };
}
