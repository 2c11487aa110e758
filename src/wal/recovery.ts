/**
 * Reads what a log says when it is opened. Nothing on disk is changed here.
 *
 * The newest segment comes first: if its opening records restate everything and nothing in it is damaged,
 * it alone says everything, and damage in older segments does not matter: they are read only so that
 * damaged ones are kept. If it was made ready and the log has not gone over to it, the one before is read with it
 * and takes its place. Otherwise, and always if the log keeps every entry, every segment is read, oldest first,
 * and what is readable counts; where records are missing the outcome holds a verdict, which the log must make
 * durable before anybody acts on the rest. A segment that the identity names and that is not there is missing, too. A
 * log that has been used and has no identity is refused.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { LogCorruptedError, LogVersionError } from "./errors.ts";
import type { VerdictRecord } from "./head.ts";
import { assertFirstOpening } from "./first_opening.ts";
import { unlessGone } from "./inspect_files.ts";
import { type Identity, IDENTITY_NAME, lsnLimit, readIdentity } from "./identity.ts";
import { LogState } from "./log_state.ts";
import type { LogModel } from "./model.ts";
import { type Finding, Reading, type Tail } from "./reading.ts";
import {
  isBrokenName,
  lsnInName,
  parseSegmentName,
  segmentName,
  UNFINISHED_SUFFIX,
} from "./segment_name.ts";

/** How often a directory is listed until it holds the segment that its identity names. */
const MAX_LISTINGS = 3;

/** What a log says. */
export interface RecoveredLog<Entry> {
  /** Whether no opening is known to be finished, so that the directory's own name may not be durable. */
  readonly first: boolean;
  /** Whether one was finished all the same, here or where a copy was made of it, as the segments prove. */
  readonly used: boolean;
  /** What the records add up to. */
  readonly state: LogState<Entry>;
  /** Id of the log; `null` if it has none yet. */
  readonly id: string | null;
  /** What its identity says of the place where it was last opened; `null` if nothing. */
  readonly place: string | null;
  /** Number of the next record; larger than any that was ever given out. */
  readonly nextLsn: number;
  /** Number behind the last record that was read, 0 if none was: where the next segment follows. */
  readonly follows: number;
  /** The newest segment, as far as it holds anything; `null` if there is none. */
  readonly tail: Tail | null;
  /** Largest epoch that was ever begun. */
  readonly epoch: number;
  /** Damage found now; there may be a verdict of an earlier opening on it, cleared or not. */
  readonly found: readonly Finding[];
  /** Damage on which nothing depends, in files that are to be kept all the same. */
  readonly harmless: readonly Finding[];
  /** Segments on which nothing depends and which could not be read: nobody knows whether to keep them. */
  readonly unread: readonly string[];
  /** Files that were set aside as damaged earlier. */
  readonly setAside: readonly string[];
}

/**
 * Reads a log directory that this process holds the lock of.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @param model The meaning of the entries; is reset.
 * @param withoutIdentity Whether to go by the segments alone, since the identity is damaged or gone.
 * @returns What the log says.
 * @throws {LogCorruptedError} If the identity is gone, damaged or that of another log.
 * @throws {LogVersionError} If a newer version wrote the log.
 * @throws Whatever the file system throws: what cannot be read is never taken for absent.
 */
export async function recoverLog<Entry>(
  platform: Platform,
  directory: string,
  model: LogModel<Entry>,
  withoutIdentity: boolean = false,
): Promise<RecoveredLog<Entry>> {
  let surroundings = await lookAround(platform, directory, withoutIdentity);
  if (surroundings.identity === null && surroundings.segments.length > 0 && !withoutIdentity) {
    try {
      await assertFirstOpening(platform, directory, model, surroundings.segments);
    } catch (error) {
      // Somebody who reads beside the log's owner may have looked before the identity was there.
      surroundings = await lookAround(platform, directory, false);
      if (surroundings.identity === null) throw error;
    }
  }
  const { names, segments, identity } = surroundings;
  // One by one: there may be more names than a function takes arguments.
  const floor = names.reduce((most, name) => Math.max(most, (lsnInName(name) ?? -1) + 1), 0);
  const isLost = identity !== null && (segments.at(-1) ?? -1) < identity.segment;
  const nextLsn = isLost ? Math.max(floor, lsnLimit(identity.segment)) : floor;
  const common = {
    first: identity === null,
    place: identity?.place ?? null,
    setAside: names.filter(isBrokenName).sort(),
  };
  if (segments.length === 0) {
    const isNew = identity === null && floor === 0;
    return {
      ...common,
      used: identity !== null,
      id: identity?.id ?? null,
      state: new LogState(model),
      nextLsn,
      follows: 0,
      tail: null,
      epoch: identity?.epoch ?? 0,
      found: isNew ? [] : [{ file: "", reason: "the log is gone: no segment is there" }],
      harmless: [],
      unread: [],
    };
  }
  const read = await readSegments(platform, directory, model, segments);
  const { reading, behindOpenings, harmless, unread } = read;
  const { state, found } = reading;
  assertSameLog(directory, identity, state.id);
  const missed = identity === null || (found.length > 0 && !isLost)
    ? []
    : missing(identity, segments.at(-1) ?? -1, state.epoch);
  return {
    ...common,
    // Only then a record is appended or a segment taken away (`first_opening.ts`).
    used: identity !== null || segments[0] !== 0 || behindOpenings > 0,
    id: state.id ?? identity?.id ?? null,
    state,
    nextLsn: Math.max(reading.nextLsn, nextLsn),
    follows: reading.nextLsn,
    tail: reading.tail,
    epoch: Math.max(state.epoch, identity?.epoch ?? 0),
    found: [...found, ...missed],
    harmless,
    unread,
  };
}

interface Surroundings {
  readonly names: readonly string[];
  /** First LSNs of the segments, oldest first. */
  readonly segments: readonly number[];
  readonly identity: Identity | null;
}

async function lookAround(
  platform: Platform,
  directory: string,
  withoutIdentity: boolean,
): Promise<Surroundings> {
  let identity: Identity | null = null;
  for (let listings = 1;; listings++) {
    const names = (await platform.fileSystem.list(directory))
      .filter((name) => !name.endsWith(UNFINISHED_SUFFIX));
    const segments = names.map(parseSegmentName).filter((lsn) => lsn !== null);
    segments.sort((one, other) => one - other);
    if (!withoutIdentity) identity ??= await identityIn(platform, directory);
    // Somebody who reads beside the log's owner may have listed what is older than the identity.
    const isNamedThere = identity === null || (segments.at(-1) ?? -1) >= identity.segment;
    if (isNamedThere || listings === MAX_LISTINGS) return { names, segments, identity };
  }
}

/** The identity, if there is one: asked for by its name, since much would follow from a list that lacks it. */
async function identityIn(platform: Platform, directory: string): Promise<Identity | null> {
  return await unlessGone(readIdentity(platform, directory));
}

interface ReadSegments<Entry> {
  readonly reading: Reading<Entry>;
  /** How many records were found behind those that open a segment. */
  readonly behindOpenings: number;
  readonly harmless: readonly Finding[];
  readonly unread: readonly string[];
}

async function readSegments<Entry>(
  platform: Platform,
  directory: string,
  model: LogModel<Entry>,
  segments: readonly number[],
): Promise<ReadSegments<Entry>> {
  let newest = new Reading(directory, model);
  let older = segments.slice(0, -1);
  if (newest.state.restates) await newest.read(platform, segments.slice(-1));
  if (newest.isWaiting && older.length > 0) {
    newest = new Reading(directory, model);
    older = older.slice(0, -1);
    await newest.read(platform, segments.slice(-2));
  }
  if (!newest.isWhole) {
    const reading = new Reading(directory, model, 0);
    await reading.read(platform, segments);
    const { behindOpenings, harmless } = reading;
    return { reading, behindOpenings, harmless, unread: [] };
  }
  const harmless = [...newest.harmless];
  const unread: string[] = [];
  let { behindOpenings } = newest;
  for (const segment of older) {
    const look = await lookInto(platform, directory, model, segment);
    if (look === null) unread.push(segmentName(segment));
    else for (const one of look.findings) harmless.push(one);
    behindOpenings += look?.behindOpenings ?? 0;
  }
  return { reading: newest, behindOpenings, harmless, unread };
}

/** What is in a segment on which nothing depends; `null` if it cannot be read. */
async function lookInto<Entry>(
  platform: Platform,
  directory: string,
  model: LogModel<Entry>,
  firstLsn: number,
): Promise<{ readonly findings: readonly Finding[]; readonly behindOpenings: number } | null> {
  const reading = new Reading<Entry>(directory, {
    encode: (entry) => model.encode(entry),
    decode: (body) => model.decode(body),
    reset: () => {},
    apply: () => {},
    checkpoint: () => [],
  });
  try {
    await reading.read(platform, [firstLsn]);
    const { harmless, found, behindOpenings } = reading;
    return { findings: [...harmless, ...found], behindOpenings };
  } catch (error) {
    const isForeign = error instanceof LogVersionError || error instanceof LogCorruptedError;
    if (!isForeign) return null;
    const findings = [{ file: segmentName(firstLsn), reason: error.message }];
    return { findings, behindOpenings: 0 };
  }
}

function assertSameLog(directory: string, identity: Identity | null, id: string | null): void {
  if (identity === null || id === null || identity.id === id) return;
  throw new LogCorruptedError(
    directory,
    { file: IDENTITY_NAME },
    `it is of log ${identity.id}, but the segments are of ${id}, ` +
      "put the files of one log together again",
  );
}

/** What the identity knows of and is not there. */
function missing({ segment, epoch }: Identity, newest: number, newestEpoch: number): Finding[] {
  if (newest < segment) {
    return [{ file: segmentName(segment), reason: "it is gone, or a later one is" }];
  }
  // What an opening begins comes behind all that was there, and only then the identity names its number.
  if (newestEpoch >= epoch) return [];
  const reason =
    `it is of opening ${newestEpoch}, but opening ${epoch} must have begun one behind it`;
  return [{ file: segmentName(newest), reason }];
}

/**
 * The verdict on damage that was found.
 *
 * @param found The damage.
 * @param epoch Largest epoch whose records may be lost.
 * @param at When it was found, RFC 3339.
 * @returns The record.
 */
export function damageVerdict(
  found: Finding,
  epoch: number,
  at: string,
): VerdictRecord {
  const { file, reason } = found;
  return { type: "verdict", kind: "damaged", epoch, file, reason, by: "recovery", at };
}
