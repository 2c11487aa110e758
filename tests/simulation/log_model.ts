/**
 * What a log may say after any fault, worked out without the log's own code. The model is told
 * every record that was handed to the log and every answer; it then knows what a later opening must
 * find: the records up to some place in the order of the calls, at or behind the last one that was
 * answered as durable, and none that was answered as not written. That holds on every disk that
 * keeps its word, however often it fails; what is left of it on one that lies or rots is in
 * `betrayed_model.ts`.
 */

import { assert, assertEquals, AssertionError } from "@std/assert";
import type {
  ActiveTransaction,
  LogRecord,
  ParticipantRecord,
} from "../../src/wal/decisions/record.ts";
import type { VerdictRecord } from "../../src/wal/head.ts";
import type { Distrust } from "./memory_disk.ts";

/** What is known about one record. */
export interface Attempt {
  readonly record: LogRecord;
  /**
   * `pending`: not answered. `lazy`: nobody waits for it. The others are the log's answers.
   */
  readonly fate: "pending" | "lazy" | "durable" | "unknown" | "no";
}

/** What an opening of a log has found. */
export interface Finding {
  readonly id: string;
  readonly epoch: number;
  readonly active: readonly ActiveTransaction[];
  readonly participants: readonly ParticipantRecord[];
  /** First LSN of the segment that this opening began. */
  readonly firstLsn: number;
  /** The verdicts that stand. */
  readonly damages: readonly VerdictRecord[];
}

/** Records in the order of the calls, of which the first few were found together by an opening. */
export interface Lineage {
  readonly attempts: readonly Attempt[];
  readonly found: number;
}

/** What was seen of the log so far. Never changed; each step makes a new one. */
export interface Seen extends Lineage {
  /** What later openings than the last one that wrote these would have found. */
  readonly past: readonly Lineage[];
  /** The verdicts that the last opening gave. */
  readonly damages: readonly VerdictRecord[];
  /** What was in doubt at openings since the last that succeeded. */
  readonly doubt: Distrust;
  /** Largest LSN that was answered or that a segment began with, -1 at first. */
  readonly lsn: number;
  /** Largest epoch of an opening that succeeded, 0 at first. */
  readonly epoch: number;
  /** Id of the log; null until an opening succeeded. */
  readonly id: string | null;
}

/** A log of which nothing was seen. */
export const NOTHING_SEEN: Seen = {
  attempts: [],
  found: 0,
  past: [],
  damages: [],
  doubt: { files: [], names: false, reads: false },
  lsn: -1,
  epoch: 0,
  id: null,
};

/**
 * Checks what an opening found against what was seen before it.
 *
 * @returns What has been seen now: what was found is durable, the rest is gone for good.
 */
export function assertPossible(seen: Seen, finding: Finding): Seen {
  assertGoesOn(seen, finding);
  assert(finding.firstLsn > seen.lsn, `LSN ${finding.firstLsn} follows LSN ${seen.lsn}`);
  assertEquals(finding.damages, seen.damages, "a verdict came or went on a disk without damage");
  const found = linesOf(finding);
  const possible = possibleStates(seen.attempts, lastDurable);
  const attempts = possible.get(found.join("\n"));
  if (attempts !== undefined) return seenAfter(seen, finding, attempts);
  throw new AssertionError(explain(found, [...possible.keys()].map((text) => text.split("\n"))));
}

/** Checks that the log is the same one, and that no epoch comes again. */
export function assertGoesOn(seen: Seen, finding: Finding): void {
  assertSameId(seen, finding);
  assert(finding.epoch > seen.epoch, `epoch ${finding.epoch} follows epoch ${seen.epoch}`);
}

/** Checks that the log is the same one. */
export function assertSameId(seen: Seen, { id }: Finding): void {
  if (seen.id !== null) assertEquals(id, seen.id, "the log changed its id");
}

/** What has been seen when an opening has found these records. */
export function seenAfter(seen: Seen, finding: Finding, attempts: readonly Attempt[]): Seen {
  const { firstLsn: lsn, epoch, id, damages } = finding;
  const past = [...seen.past, { attempts: seen.attempts, found: seen.found }];
  const doubt = NOTHING_SEEN.doubt;
  return { attempts, found: attempts.length, past, damages, doubt, lsn, epoch, id };
}

/** Place of the last record that a disk which keeps its word has. */
export function lastDurable(attempts: readonly Attempt[]): number {
  return attempts.findLastIndex(({ fate }) => fate === "durable");
}

/**
 * What the records may add up to, as texts, each with the records that do.
 *
 * @param lastSure Gives, for the records that may be written, the place of the last that must be.
 */
export function possibleStates(
  attempts: readonly Attempt[],
  lastSure: (written: readonly Attempt[]) => number,
): Map<string, Attempt[]> {
  const written = attempts.filter(({ fate }) => fate !== "no");
  const sure = lastSure(written);
  const states = new Map<string, Attempt[]>();
  for (let count = sure + 1; count <= written.length; count++) {
    const records = written.slice(0, count).map(({ record }) => record);
    states.set(textOf(records), records.map(durably));
  }
  return states;
}

function durably(record: LogRecord): Attempt {
  return { record, fate: "durable" };
}

function textOf(records: readonly LogRecord[]): string {
  const state = new ModelState();
  for (const record of records) state.apply(record);
  return state.lines().join("\n");
}

/** Says how what was found differs from the possible states that are nearest to it. */
function explain(found: readonly string[], possible: readonly string[][]): string {
  const differences = possible.map((right) => [
    ...right.filter((line) => !found.includes(line)).map((line) => `lacks ${line}`),
    ...found.filter((line) => !right.includes(line)).map((line) => `has ${line}`),
  ]);
  differences.sort((one, other) => one.length - other.length);
  return `the log says what is not possible: it ${differences[0]?.join("; it ") ?? ""}`;
}

/** The sum of records, for the kinds that a workload appends. */
class ModelState {
  readonly #active = new Map<bigint, ActiveTransaction>();
  readonly #participants = new Map<string, ParticipantRecord>();

  apply(record: LogRecord): void {
    switch (record.type) {
      case "participant":
        this.#participants.set(record.name, record);
        return;
      case "begin":
      case "committing": {
        const { txn, branches } = record;
        if (this.#active.get(txn)?.decided) return;
        this.#active.set(txn, { txn, decided: record.type === "committing", branches });
        return;
      }
      case "end":
        this.#active.delete(record.txn);
        return;
      default:
        throw new TypeError(`Cannot model a record of kind ${record.type}`);
    }
  }

  lines(): string[] {
    const active = [...this.#active.values()];
    return linesOf({ active, participants: [...this.#participants.values()] });
  }
}

/** The same lines for the same state; the order of first mention counts. */
export function linesOf(
  { active, participants }: Pick<Finding, "active" | "participants">,
): string[] {
  return [...participants.map(participantLine), ...active.map(transactionLine)];
}

/** A registration as text. */
export function participantLine({ name, kind, identity }: ParticipantRecord): string {
  return `${name}=${kind}:${identity}`;
}

/** A transaction as text. */
export function transactionLine({ txn, decided, branches }: ActiveTransaction): string {
  const parts = branches.map(({ participant, gid, token }) => `${participant}/${gid}/${token}`);
  return `${txn} ${decided ? "commits" : "began"} ${parts.join(",")}`;
}
