/**
 * What a coordinator needs of the machine, in one object: files, time, randomness and
 * the process's own id.
 *
 * @module
 */

import { type Clock, systemClock } from "./clock.ts";
import { denoFileSystem } from "./deno_file_system.ts";
import type { FileSystem } from "./file_system.ts";
import { type Randomness, systemRandomness } from "./randomness.ts";

/** The machine, replaceable as a whole by tests and simulations. */
export interface Platform {
  /** Where the log lives. */
  readonly fileSystem: FileSystem;
  /** The source of time. */
  readonly clock: Clock;
  /** The source of randomness. */
  readonly randomness: Randomness;
  /** Id of this process, which the lock file names. */
  readonly processId: number;
}

/** This machine, through Deno. */
export const denoPlatform: Platform = {
  fileSystem: denoFileSystem,
  clock: systemClock,
  randomness: systemRandomness,
  processId: Deno.pid,
};
