/**
 * A durable append-only log in a directory, for programs that need one: crash-safe, checksummed, with group
 * commit, and with the program's own kinds of entries. See {@linkcode Log} for an example.
 *
 * @module
 */

export type { Clock, Timer } from "../platform/clock.ts";
export type { FileHandle, FileSystem, OpenMode } from "../platform/file_system.ts";
export { denoPlatform, type Platform } from "../platform/platform.ts";
export type { Randomness } from "../platform/randomness.ts";
export {
  LogCopiedError,
  LogCorruptedError,
  type LogHolder,
  LogLockedError,
  type LogPlace,
  LogUnavailableError,
  LogVersionError,
} from "./errors.ts";
export type { RepairRecord, VerdictRecord } from "./head.ts";
export {
  type AcceptedCopy,
  DEFAULT_CHECKPOINT_INTERVAL,
  DEFAULT_SEGMENT_SIZE,
  Log,
  type LogOptions,
  type LogRepair,
} from "./log.ts";
export { FIRST_APPLICATION_TAG, type LogModel } from "./model.ts";
