/**
 * The log again, with the time of each append put down to what the log was doing meanwhile: writing zeros for a
 * next segment; rotating, which is naming the next segment ahead of time (from its first byte until the directory is
 * synced) and going over to it (from its next byte until the old one is gone); or neither.
 *
 * @module
 */

import { FIRST_APPLICATION_TAG, Log } from "../../../src/wal/mod.ts";
import type { FileHandle } from "../../../src/platform/file_system.ts";
import type { Platform } from "../../../src/platform/platform.ts";
import type { Contender, ContenderSettings } from "../contender.ts";
import { countedPlatform, noCounts } from "../counted_platform.ts";
import { Histogram } from "../histogram.ts";
import { forgetfulModel } from "./log.ts";

const MICROSECONDS = 1000;
const SEGMENT = ".wal";

/** Something that goes on for a while, again and again. */
class Activity {
  #going = false;
  #ended = -Infinity;

  begin(): void {
    this.#going = true;
  }

  end(): void {
    if (!this.#going) return;
    this.#going = false;
    this.#ended = performance.now();
  }

  /** Whether it went on at any time since `start`. */
  since(start: number): boolean {
    return this.#going || this.#ended >= start;
  }
}

/** Opens a log. */
export async function openRotation({ directory, bytes }: ContenderSettings): Promise<Contender> {
  const counts = noCounts();
  const [preparing, rotating] = [new Activity(), new Activity()];
  const log = await Log.open({
    directory,
    model: forgetfulModel,
    platform: watched(countedPlatform(counts), preparing, rotating),
  });
  // The first segment takes the place of none that would be removed.
  rotating.end();
  const entry = new Uint8Array(bytes).fill(FIRST_APPLICATION_TAG);
  const during = {
    rotating: new Histogram(),
    preparing: new Histogram(),
    between: new Histogram(),
  };
  return {
    counts,
    operate: async () => {
      const start = performance.now();
      await log.append(entry);
      const took = performance.now() - start;
      if (rotating.since(start)) during.rotating.add(took);
      else if (preparing.since(start)) during.preparing.add(took);
      else during.between.add(took);
    },
    beforeRound: () => Object.values(during).forEach((histogram) => histogram.clear()),
    extra: () =>
      Object.fromEntries(
        Object.entries(during).filter(([, { count }]) => count > 0).flatMap(([name, histogram]) => [
          [`${name} p50 µs`, histogram.percentile(0.5) * MICROSECONDS],
          [`${name} p999 µs`, histogram.percentile(0.999) * MICROSECONDS],
          [`${name} part`, histogram.count / total(Object.values(during))],
        ]),
      ),
    [Symbol.asyncDispose]: () => log.close(),
  };
}

function total(histograms: readonly Histogram[]): number {
  return histograms.reduce((sum, { count }) => sum + count, 0);
}

/** Tells when zeros are written to a new file, and when a segment is made ready in it or gone over to. */
function watch(handle: FileHandle, preparing: Activity, rotating: Activity): void {
  const { write, writeAside, rewind, close } = handle;
  let filling = false;
  /** Whether it waits to be made the next segment, or to be gone over to. */
  let spare = false;
  const endFilling = () => {
    if (filling) preparing.end();
    filling = false;
  };
  handle.write = (bytes) => {
    // Whatever is written to a segment that was named before is the log's going over to it.
    if (spare) rotating.begin();
    spare = false;
    return write.call(handle, bytes);
  };
  handle.writeAside = async (bytes) => {
    filling ||= !spare;
    (spare ? rotating : preparing).begin();
    return await writeAside.call(handle, bytes);
  };
  handle.rewind = () => {
    rewind.call(handle);
    endFilling();
    spare = true;
  };
  handle.close = () => {
    close.call(handle);
    endFilling();
  };
}

/** A platform that tells what is done to files. */
function watched(platform: Platform, preparing: Activity, rotating: Activity): Platform {
  const { fileSystem } = platform;
  let isNaming = false;
  return {
    ...platform,
    fileSystem: {
      ...fileSystem,
      open: async (path, mode) => {
        const handle = await fileSystem.open(path, mode);
        if (path.includes("/next-")) watch(handle, preparing, rotating);
        return handle;
      },
      rename: async (from, to) => {
        isNaming ||= to.endsWith(SEGMENT);
        await fileSystem.rename(from, to);
        // The old segment is done with: set aside, or about to be used again.
        if (from.endsWith(SEGMENT)) rotating.end();
      },
      syncDirectory: async (path, isAwaited) => {
        await fileSystem.syncDirectory(path, isAwaited);
        if (isNaming) rotating.end();
        isNaming = false;
      },
      remove: async (path) => {
        try {
          await fileSystem.remove(path);
        } finally {
          if (path.endsWith(SEGMENT)) rotating.end();
        }
      },
    },
  };
}
