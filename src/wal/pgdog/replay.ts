/**
 * Adds up what the records of pgdog's log say, segment by segment, by our rules and not by pgdog's:
 *
 * - A decision is final. No later Begin and no Checkpoint takes it back; only an End finishes it.
 * - Recovery needs nothing from before the newest Checkpoint that can be read, so damage and gaps
 *   before it do not matter.
 * - Behind it, every record must be there: a gap in the LSNs is damage as a wrong checksum is.
 * - A file that pgdog set aside is damage wherever it stands: a Checkpoint of pgdog forgets what
 *   pgdog left alone because of that file. It stays damage until an operator takes the file away.
 * - With damage, undecided transactions are left alone: their decision may be in what is lost.
 * - No LSN is given out again that a lost record may have had.
 *
 * Nothing is written, so the same files lead to the same answer on every start.
 *
 * @module
 */

import { LogVersionError } from "../errors.ts";
import type { PgdogDirectory, PgdogFile } from "./directory.ts";
import { PGDOG_HEADER_LENGTH, PGDOG_MIN_FRAME_LENGTH } from "./format.ts";
import type { PgdogRecord, PgdogTransaction } from "./record.ts";
import { type PgdogPlace, readPgdogSegment } from "./segment.ts";
import { reasonOfDamage } from "./verdict.ts";

/** A transaction that recovery finishes, and how. */
export interface RestoredPgdogTransaction extends PgdogTransaction {
  /** `commit` if it is decided, else `rollback`. */
  readonly action: "commit" | "rollback";
}

/** A place where something that was in the log is gone or changed. */
export interface PgdogDamage {
  /** Name of the file. */
  readonly file: string;
  /** Offset in the file. */
  readonly offset: number;
  /** Number of the record that is damaged, or of the first that is missing. */
  readonly lsn: number;
  /** What is wrong, in words. */
  readonly reason: string;
}

/** What pgdog's log says. */
export interface PgdogRecovery {
  /** Transactions to be finished, ordered by number. */
  readonly restored: readonly RestoredPgdogTransaction[];
  /** Undecided ones that must not be presumed aborted, ordered by number. */
  readonly leftAlone: readonly PgdogTransaction[];
  /** Why; empty if the log is whole. */
  readonly damage: readonly PgdogDamage[];
  /** A number above that of every record there is or was. */
  readonly nextLsn: number;
}

/** Replays one directory. Give it the files in the order of the listing, then ask. */
export class PgdogReplay {
  readonly #path: string;
  readonly #live = new Map<bigint, PgdogTransaction>();
  /** Decisions on transactions whose Begin would be before the first segment. */
  readonly #strays = new Map<bigint, PgdogDamage>();
  readonly #setAside: PgdogDamage[] = [];
  #damage: PgdogDamage[] = [];
  #nextLsn = 0;
  /** Number of the next record; `null` if damage hides it, `undefined` before the first segment. */
  #expected: number | null | undefined;
  #beginningIsMissing = false;

  /**
   * Begins with nothing.
   *
   * @param path The log directory, for errors.
   * @param directory What its files are.
   */
  constructor(path: string, directory: PgdogDirectory) {
    this.#path = path;
    for (const files of [directory.segments, directory.setAside, directory.misnamed]) {
      for (const { firstLsn } of files) this.#reach(firstLsn + 1);
    }
  }

  /**
   * Takes note of a file that pgdog set aside.
   *
   * @param file The file.
   * @param size Its length in bytes.
   */
  addSetAside(file: PgdogFile, size: number): void {
    const reason = "pgdog set the segment aside as damaged: what it decided is not known";
    this.#setAside.push({ file: file.name, offset: 0, lsn: file.firstLsn, reason });
    this.#reachPast(file.firstLsn, size - PGDOG_HEADER_LENGTH);
  }

  /**
   * Replays a segment.
   *
   * @param file The segment.
   * @param bytes The whole of it.
   * @param isLast Whether no segment follows.
   * @throws {LogVersionError} If a newer version wrote a record in it.
   * @throws {RangeError} If a record's number is no safe integer.
   */
  addSegment(file: PgdogFile, bytes: Uint8Array, isLast: boolean): void {
    this.#checkOrder(file);
    const { nextLsn, end } = readPgdogSegment(bytes, file.firstLsn, (record, place) => {
      this.#apply(record, file, place);
    });
    if (end.kind === "invalid_tag") {
      const place = { file: file.name, offset: end.offset, lsn: nextLsn };
      throw new LogVersionError(this.#path, place, `record kind ${end.tag}`);
    }
    this.#reach(nextLsn);
    const reason = reasonOfDamage(bytes, end, isLast);
    this.#expected = reason === null ? nextLsn : null;
    if (reason === null) return;
    this.#damage.push({ file: file.name, offset: end.offset, lsn: nextLsn, reason });
    this.#reachPast(nextLsn, bytes.length - Math.max(end.offset, PGDOG_HEADER_LENGTH));
  }

  /**
   * What all files together say.
   *
   * @returns The outcome.
   * @throws {RangeError} If the next number would be no safe integer.
   */
  finish(): PgdogRecovery {
    if (!Number.isSafeInteger(this.#nextLsn)) {
      throw new RangeError(
        `Cannot read the log in "${this.#path}": its next record would have a number above ` +
          `${Number.MAX_SAFE_INTEGER}, which is the largest there is`,
      );
    }
    const damage = [...this.#setAside, ...this.#damage, ...this.#strays.values()];
    const restored: RestoredPgdogTransaction[] = [];
    const leftAlone: PgdogTransaction[] = [];
    const live = [...this.#live.values()].sort((one, other) => one.txn < other.txn ? -1 : 1);
    for (const transaction of live) {
      if (transaction.decided) restored.push({ ...transaction, action: "commit" });
      else if (damage.length > 0) leftAlone.push(transaction);
      else restored.push({ ...transaction, action: "rollback" });
    }
    return { restored, leftAlone, damage, nextLsn: this.#nextLsn };
  }

  #checkOrder(file: PgdogFile): void {
    if (this.#expected === undefined) {
      this.#beginningIsMissing = file.firstLsn > 0;
    } else if (this.#expected !== null && this.#expected !== file.firstLsn) {
      const reason = this.#expected < file.firstLsn
        ? `the records from ${this.#expected} to ${file.firstLsn - 1} are missing`
        : `the records from ${file.firstLsn} on are there twice, the segment before has them too`;
      this.#damage.push({ file: file.name, offset: 0, lsn: this.#expected, reason });
    }
  }

  #apply(record: PgdogRecord, file: PgdogFile, place: PgdogPlace): void {
    switch (record.type) {
      case "begin": {
        const { txn, user, database } = record;
        if (this.#live.get(txn)?.decided === true) return;
        this.#live.set(txn, { txn, user, database, decided: false });
        return;
      }
      case "committing": {
        const known = this.#live.get(record.txn);
        if (known !== undefined) this.#live.set(record.txn, { ...known, decided: true });
        else if (this.#beginningIsMissing) this.#addStray(record.txn, file, place);
        return;
      }
      case "end":
        this.#live.delete(record.txn);
        this.#strays.delete(record.txn);
        return;
      case "checkpoint":
        this.#restart(record.active);
    }
  }

  #addStray(txn: bigint, file: PgdogFile, { offset, lsn }: PgdogPlace): void {
    const reason = `transaction ${txn} is decided, but the records before ` +
      "the first segment are missing and its Begin with them";
    this.#strays.set(txn, { file: file.name, offset, lsn, reason });
  }

  /** A Checkpoint says all that was live. */
  #restart(active: readonly PgdogTransaction[]): void {
    const decided = new Set<bigint>();
    for (const known of this.#live.values()) if (known.decided) decided.add(known.txn);
    this.#live.clear();
    for (const one of active) {
      this.#live.set(one.txn, decided.has(one.txn) ? { ...one, decided: true } : one);
    }
    this.#damage = [];
    this.#strays.clear();
    this.#beginningIsMissing = false;
  }

  #reach(lsn: number): void {
    this.#nextLsn = Math.max(this.#nextLsn, lsn);
  }

  /** No more than this many records can have been in bytes that cannot be read. */
  #reachPast(lsn: number, bytes: number): void {
    this.#reach(lsn + Math.ceil(Math.max(0, bytes) / PGDOG_MIN_FRAME_LENGTH));
  }
}
