/**
 * Reads what a log says when it is opened. Nothing on disk is changed here.
 *
 * The newest segment comes first: if its opening records restate everything and nothing in it is damaged,
 * it alone says everything, and damage in older segments does not matter. Otherwise every segment is read,
 * oldest first, and what is readable counts; where records are missing the outcome holds a verdict, which
 * the log must make durable before anybody acts on the rest.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { describeDamage } from "./describe_damage.ts";
import { LogCorruptedError, type LogPlace, LogVersionError } from "./errors.ts";
import { decodeHead, type VerdictRecord } from "./head.ts";
import { type Identity, IDENTITY_NAME, readIdentity } from "./identity.ts";
import { LogState } from "./log_state.ts";
import type { LogModel } from "./model.ts";
import { lsnInName, parseSegmentName, segmentName, UNFINISHED_SUFFIX } from "./segment_name.ts";
import {
  MAX_SEGMENT_LENGTH,
  MIN_FRAME_LENGTH,
  scanSegment,
  type SegmentScan,
} from "./segment_scan.ts";

/** What a log says. */
export interface RecoveredLog<Entry> {
  /** Whether no opening has been finished yet, so that the directory's own name may not be durable. */
  readonly first: boolean;
  /** What the records add up to. */
  readonly state: LogState<Entry>;
  /** Id of the log; `null` if it has none yet. */
  readonly id: string | null;
  /** Number of the next record; larger than any that was ever given out. */
  readonly nextLsn: number;
  /** Largest epoch that was ever begun. */
  readonly epoch: number;
  /** Damage found now, without a verdict of an earlier opening. */
  readonly found: readonly { readonly file: string; readonly reason: string }[];
}

/**
 * Reads a log directory that this process holds the lock of.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @param model The meaning of the entries; is reset.
 * @returns What the log says.
 * @throws {LogCorruptedError} If the identity is damaged or that of another log.
 * @throws {LogVersionError} If a newer version wrote the log.
 * @throws Whatever the file system throws: what cannot be read is never taken for absent.
 */
export async function recoverLog<Entry>(
  platform: Platform,
  directory: string,
  model: LogModel<Entry>,
): Promise<RecoveredLog<Entry>> {
  const names = (await platform.fileSystem.list(directory))
    .filter((name) => !name.endsWith(UNFINISHED_SUFFIX));
  const segments = names.map(parseSegmentName).filter((lsn) => lsn !== null);
  segments.sort((one, other) => one - other);
  const identity = names.includes(IDENTITY_NAME) ? await readIdentity(platform, directory) : null;
  const floor = Math.max(0, ...names.map((name) => (lsnInName(name) ?? -1) + 1));
  const newest = segments.at(-1);
  if (newest === undefined) return withoutSegments(new LogState(model), identity, floor);

  let reading = new Reading(directory, model);
  await reading.read(platform, newest);
  if (!reading.isWhole) {
    reading = new Reading(directory, model);
    for (const segment of segments) await reading.read(platform, segment);
  }
  const { state, found } = reading;
  if (identity !== null && state.id !== null && identity.id !== state.id) {
    throw new LogCorruptedError(
      directory,
      { file: IDENTITY_NAME },
      `it is of log ${identity.id}, but the segments are of ${state.id}, ` +
        "put the files of one log together again",
    );
  }
  return {
    first: identity === null,
    id: state.id ?? identity?.id ?? null,
    state,
    nextLsn: Math.max(reading.nextLsn, floor),
    epoch: Math.max(state.epoch, identity?.epoch ?? 0),
    found,
  };
}

function withoutSegments<Entry>(
  state: LogState<Entry>,
  identity: Identity | null,
  nextLsn: number,
): RecoveredLog<Entry> {
  if (identity === null && nextLsn === 0) {
    return { first: true, id: null, state, nextLsn, epoch: 0, found: [] };
  }
  const found = [{ file: "", reason: "the log is gone: no segment is there" }];
  return {
    first: identity === null,
    id: identity?.id ?? null,
    state,
    nextLsn,
    epoch: identity?.epoch ?? 0,
    found,
  };
}

/** The records that open a segment, held back until all of them have been read. */
interface Opening {
  readonly restated: boolean;
  remaining: number;
  readonly apply: (() => void)[];
}

/** One reading of some segments, oldest first. */
class Reading<Entry> {
  readonly #directory: string;
  readonly #model: LogModel<Entry>;
  readonly #found: { file: string; reason: string }[] = [];
  #opening: Opening | null = null;
  #restated = false;
  #segments = 0;
  readonly state: LogState<Entry>;
  nextLsn = 0;

  constructor(directory: string, model: LogModel<Entry>) {
    this.#directory = directory;
    this.#model = model;
    this.state = new LogState(model);
  }

  /** Damage that touches what the segments read add up to. */
  get found(): readonly { file: string; reason: string }[] {
    return this.#found;
  }

  /** Whether what was read says everything. */
  get isWhole(): boolean {
    return this.#restated && this.#found.length === 0;
  }

  async read(platform: Platform, firstLsn: number): Promise<void> {
    const missing = this.#segments > 0 ? Math.max(0, firstLsn - this.nextLsn) : 0;
    this.#segments++;
    this.#restated = false;
    this.#opening = null;
    let opened = false;
    const file = segmentName(firstLsn);
    const scan = await scanSegment(
      platform,
      this.#directory,
      firstLsn,
      (body, lsn, offset) => {
        const apply = this.#decode(body, { file, offset, lsn }, lsn === firstLsn);
        if (apply !== null) this.#take(apply);
        opened ||= this.#opening === null;
      },
      (damage) => {
        this.#giveUpOpening();
        // A header that could be mended has cost no record.
        if (damage.offset > 0) this.#found.push({ file, reason: describeDamage(damage) });
      },
    );
    if (this.#opening !== null) opened = false;
    this.#giveUpOpening();
    this.#finish(scan, opened, missing);
  }

  /** What a frame does to the state; `null` if its payload is damaged. */
  #decode(body: Uint8Array, place: Required<LogPlace>, first: boolean): (() => void) | null {
    const { file, offset, lsn } = place;
    try {
      const head = decodeHead(body);
      if (head !== null) {
        if (head.type === "epoch" && first) {
          this.#opening = { restated: head.restated, remaining: head.opening, apply: [] };
        }
        return () => this.state.applyHead(head);
      }
      const entry = this.#model.decode(body);
      if (entry === null) {
        throw new LogVersionError(this.#directory, place, `record kind ${body[0]}`);
      }
      return () => this.state.apply(entry, lsn);
    } catch (error) {
      if (error instanceof LogVersionError) throw error;
      const reason = `the payload at offset ${offset} is not that of its kind (${error})`;
      this.#found.push({ file, reason });
      this.#giveUpOpening();
      return null;
    }
  }

  #take(apply: () => void): void {
    const opening = this.#opening;
    if (opening === null) return apply();
    opening.apply.push(apply);
    opening.remaining--;
    if (opening.remaining > 0) return;
    this.#opening = null;
    if (opening.restated) {
      // What restates everything replaces what was read before, and makes damage there harmless.
      this.#restated = true;
      this.#found.length = 0;
      this.#model.reset();
    }
    for (const one of opening.apply) one();
  }

  /** The opening is damaged: what there is of it adds to what was read before. */
  #giveUpOpening(): void {
    const opening = this.#opening;
    this.#opening = null;
    for (const one of opening?.apply ?? []) one();
  }

  #finish(scan: SegmentScan, opened: boolean, missing: number): void {
    const { file, length, end, damages } = scan;
    if (end.kind === "newer-version") {
      throw new LogVersionError(this.#directory, { file, offset: 0 }, end.detail);
    }
    if (end.kind === "pgdog") {
      throw new LogCorruptedError(
        this.#directory,
        { file },
        "it is a log of pgdog, which can be inspected but not continued, use another directory",
      );
    }
    if (!opened) {
      const detail = end.detail === "" ? "" : `: ${end.detail}`;
      this.#found.push({ file, reason: `the records that open it are not all there${detail}` });
    } else if (missing > 0 && !this.#restated) {
      this.#found.push({ file, reason: `${missing} records before it are missing` });
    }
    // What cannot be read may have held more records than were counted; their numbers are not used again.
    const bytes = opened ? length - end.offset : MAX_SEGMENT_LENGTH;
    const unread = opened && damages.length === 0 ? 0 : Math.ceil(bytes / MIN_FRAME_LENGTH);
    this.nextLsn = Math.max(this.nextLsn, end.nextLsn + unread);
  }
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
  found: { readonly file: string; readonly reason: string },
  epoch: number,
  at: string,
): VerdictRecord {
  const { file, reason } = found;
  return { type: "verdict", kind: "damaged", epoch, file, reason, by: "recovery", at };
}
