/**
 * What a process and a log directory take of the machine at one moment.
 *
 * @module
 */

/** One look. */
export interface Sample {
  /** Seconds since the load began. */
  readonly seconds: number;
  /** Resident memory of the process in bytes. */
  readonly resident: number;
  /** Open file descriptors of the process. */
  readonly descriptors: number;
  /** Files in the log directory. */
  readonly files: number;
  /** Bytes in the log directory. */
  readonly bytes: number;
}

/** Takes a look. */
export function takeSample(directory: string, seconds: number): Sample {
  let files = 0;
  let bytes = 0;
  for (const { name } of Deno.readDirSync(directory)) {
    files++;
    bytes += sizeOf(`${directory}/${name}`);
  }
  const descriptors = [...Deno.readDirSync("/proc/self/fd")].length;
  return { seconds, resident: Deno.memoryUsage().rss, descriptors, files, bytes };
}

/** Size of a file, 0 if it has just been removed. */
function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}
