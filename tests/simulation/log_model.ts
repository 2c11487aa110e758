/**
 * What a log may say after any fault, worked out without the log's own code. The model is told
 * every record that was handed to the log and every answer; it then knows what a later opening must
 * find: the records up to some place in the order of the calls, at or behind the last one that was
 * answered as durable; none that was answered as not written; and of those that nobody waited for
 * while the log was unavailable, any.
 */

import { assert, assertEquals, AssertionError } from "@std/assert";
import type {
  ActiveTransaction,
  LogRecord,
  ParticipantRecord,
} from "../../src/wal/decisions/record.ts";

/** What is known about one record. */
export interface Attempt {
  readonly record: LogRecord;
  /**
   * `pending`: not answered. `lazy`: nobody waits for it. `loose`: nobody waited for it, and it may
   * have been dropped alone when the log became unavailable. The others are the log's answers.
   */
  readonly fate: "pending" | "lazy" | "loose" | "durable" | "unknown" | "no";
}

/** What an opening of a log has found. */
export interface Finding {
  readonly id: string;
  readonly epoch: number;
  readonly active: readonly ActiveTransaction[];
  readonly participants: readonly ParticipantRecord[];
  /** First LSN of the segment that this opening began. */
  readonly firstLsn: number;
}

/** What was seen of the log so far. Never changed; each step makes a new one. */
export interface Seen {
  readonly attempts: readonly Attempt[];
  /** Largest LSN that was answered or that a segment began with, -1 at first. */
  readonly lsn: number;
  /** Largest epoch of an opening that succeeded, 0 at first. */
  readonly epoch: number;
  /** Id of the log; null until an opening succeeded. */
  readonly id: string | null;
}

/** A log of which nothing was seen. */
export const NOTHING_SEEN: Seen = { attempts: [], lsn: -1, epoch: 0, id: null };

/**
 * Checks what an opening found against what was seen before it.
 *
 * @returns What has been seen now: what was found is durable, the rest is gone for good.
 */
export function assertPossible(seen: Seen, finding: Finding): Seen {
  const { id, epoch, firstLsn, active, participants } = finding;
  if (seen.id !== null) assertEquals(id, seen.id, "the log changed its id");
  assert(epoch > seen.epoch, `epoch ${epoch} follows epoch ${seen.epoch}`);
  assert(firstLsn > seen.lsn, `LSN ${firstLsn} follows LSN ${seen.lsn}`);
  const found = linesOf(active, participants);
  const possible = possibleStates(seen.attempts);
  const attempts = possible.get(found.join("\n"));
  if (attempts !== undefined) return { attempts, lsn: firstLsn, epoch, id };
  throw new AssertionError(explain(found, [...possible.keys()].map((text) => text.split("\n"))));
}

/** What the records may add up to, as texts, each with the records that do. */
function possibleStates(attempts: readonly Attempt[]): Map<string, Attempt[]> {
  const written = attempts.filter(({ fate }) => fate !== "no");
  const sure = written.findLastIndex(({ fate }) => fate === "durable");
  const states = new Map<string, Attempt[]>();
  let records: LogRecord[][] = [[]];
  const add = () => {
    for (const some of records) states.set(textOf(some), some.map(durably));
  };
  for (const [index, { record, fate }] of written.entries()) {
    if (index > sure) add();
    const longer = records.map((some) => [...some, record]);
    records = fate === "loose" ? [...records, ...longer] : longer;
  }
  add();
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
    return linesOf([...this.#active.values()], [...this.#participants.values()]);
  }
}

/** The same lines for the same state; the order of first mention counts. */
function linesOf(
  active: readonly ActiveTransaction[],
  participants: readonly ParticipantRecord[],
): string[] {
  const names = participants.map(({ name, kind, identity }) => `${name}=${kind}:${identity}`);
  const transactions = active.map(({ txn, decided, branches }) => {
    const parts = branches.map(({ participant, gid, token }) => `${participant}/${gid}/${token}`);
    return `${txn} ${decided ? "commits" : "began"} ${parts.join(",")}`;
  });
  return [...names, ...transactions];
}
