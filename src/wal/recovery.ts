/**
 * Reads what a log says when it is opened. Every segment begins with an Epoch and a Checkpoint that were
 * durable before the segment had its name, so the newest segment alone says everything; older ones are
 * only what a crash kept from being deleted. Nothing is changed here, and nothing is believed that is
 * not whole: a damaged log is an error, not a shorter log.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { LogCorruptedError, LogVersionError } from "./errors.ts";
import { IDENTITY_NAME, readIdentity } from "./identity.ts";
import { LiveState } from "./live_state.ts";
import { decodeRecord, type LogRecord } from "./record.ts";
import { parseSegmentName, segmentName } from "./segment_name.ts";
import { readSegment } from "./segment_reader.ts";

/** How many records open every segment: an Epoch and a Checkpoint. */
export const OPENING_RECORDS = 2;

/** What a log says. */
export interface RecoveredLog {
  /** Whether this is a directory without any log yet. */
  readonly fresh: boolean;
  /** What the records add up to. */
  readonly state: LiveState;
  /** Number of the next record. */
  readonly nextLsn: number;
  /** First LSNs of the segments that are there, oldest first. */
  readonly segments: readonly number[];
  /** Whether `identity.json` is there. */
  readonly identified: boolean;
}

/**
 * Reads a log directory that this process holds the lock of.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @returns What it says.
 * @throws {LogCorruptedError} If something that was synced is not there any more.
 * @throws {LogVersionError} If a newer version wrote it.
 */
export async function recoverLog(platform: Platform, directory: string): Promise<RecoveredLog> {
  const names = await platform.fileSystem.list(directory);
  const segments = names.map(parseSegmentName).filter((lsn) => lsn !== null);
  segments.sort((one, other) => one - other);
  const identified = names.includes(IDENTITY_NAME);
  const identity = identified ? await readIdentity(platform, directory) : null;
  const state = new LiveState();
  const newest = segments.at(-1);
  if (newest === undefined) {
    if (identity !== null) throw lostLog(directory, identity);
    return { fresh: true, state, nextLsn: 0, segments, identified };
  }
  const end = await readSegment(platform, directory, newest, (body, lsn, offset) => {
    const place = { file: segmentName(newest), offset, lsn };
    const record = decodeWhole(directory, place, body);
    const expected = OPENING_KINDS[lsn - newest];
    if (expected !== undefined && record.type !== expected) {
      throw new LogCorruptedError(
        directory,
        place,
        `a ${record.type} stands where the ${expected} must`,
      );
    }
    state.apply(record);
  });
  if (end.nextLsn < newest + OPENING_RECORDS) {
    throw new LogCorruptedError(
      directory,
      { file: segmentName(newest), offset: end.offset, lsn: end.nextLsn },
      "the records that open the segment are damaged, " +
        "keep the directory as it is and restore it from a backup",
    );
  }
  if (identity !== null && identity !== state.coordinator) {
    throw new LogCorruptedError(
      directory,
      { file: IDENTITY_NAME },
      `it names coordinator ${identity}, but the log is that of ${state.coordinator}, ` +
        "put the files of one coordinator together again",
    );
  }
  return { fresh: false, state, nextLsn: end.nextLsn, segments, identified };
}

const OPENING_KINDS: readonly LogRecord["type"][] = ["epoch", "checkpoint"];

function decodeWhole(
  directory: string,
  place: { file: string; offset: number; lsn: number },
  body: Uint8Array,
): LogRecord {
  let record: LogRecord | null;
  try {
    record = decodeRecord(body);
  } catch (cause) {
    throw new LogCorruptedError(
      directory,
      place,
      "the checksum is right but the payload is not that of its kind",
      { cause },
    );
  }
  if (record === null) throw new LogVersionError(directory, place, `record kind ${body[0]}`);
  return record;
}

function lostLog(directory: string, coordinator: string): LogCorruptedError {
  return new LogCorruptedError(
    directory,
    { file: IDENTITY_NAME },
    `the log of coordinator ${coordinator} is gone, no segment is there: restore it from a backup, ` +
      `or settle what the databases hold prepared as indoubt_${coordinator}_* by hand and remove ` +
      `${IDENTITY_NAME} to begin anew`,
  );
}
