/**
 * The kinds of records that a coordinator keeps in its log, and their bytes: a tag, and a payload in
 * MessagePack. Tag 5, and tag 7 for damage, are the log's own (`head.ts`).
 *
 * | tag | kind | payload |
 * |---|---|---|
 * | 1 | Begin | `{txn, branches}` |
 * | 2 | Committing, the decision | `{txn, branches}` |
 * | 3 | End | `{txn}` |
 * | 4 | Checkpoint | `{active: [[txn, decided, branches]], participants: [[name, kind, identity]]}` |
 * | 6 | Participant | `{name, kind, identity}` |
 * | 7 | Verdict on a branch | `{kind, subject, participant, gid, reason, by, at}` |
 * | 8 | Outcomes of transactions that have ended | `{forgotten, ended}` |
 * | 9 | Doubt: the answer to a one-phase COMMIT was lost | `{txn, branches}` |
 *
 * `branches` is a list of `[participant, gid, token]`; `ended` is bytes, see `packed_outcomes.ts`. Rules for
 * change: a tag is never used again for something else; keys and list places may be added, at the end, and a
 * reader does without them; none is removed, renamed or given another type. A reader therefore ignores keys
 * and places it does not know, and refuses a payload that lacks one it needs.
 *
 * @module
 */

import { encode } from "@std/msgpack/encode";
import type { ValueMap, ValueType } from "@std/msgpack";
import {
  bytes,
  integer64,
  list,
  packNumber,
  packText,
  refuse,
  text,
  unpackMap,
} from "../fields.ts";
import { encodeHotCheckpoint } from "./hot_checkpoint.ts";
import { encodeHotBranches, encodeHotEnd } from "./hot_record.ts";
import type { PackedTransactions } from "./packed_transactions.ts";
import { type OutcomeList, packOutcomes, unpackOutcomes } from "./packed_outcomes.ts";

/** One database's part in a transaction, as the log keeps it. */
export interface BranchRecord {
  /** Name of the participant. */
  readonly participant: string;
  /** The exact name under which the branch is prepared. */
  readonly gid: string;
  /** What the participant can be asked for the branch's outcome by; `null` if it has no such thing. */
  readonly token: string | null;
  /**
   * Puts the gid as bytes, where its text was just put together and need not be read for that.
   *
   * @param bytes Where they are put; has room for all.
   * @param start The place.
   * @returns The place behind them.
   */
  spellGid?(bytes: Uint8Array, start: number): number;
}

/** A database that took part once, as the log keeps it. */
export interface ParticipantRecord {
  /** Name of the participant. */
  readonly name: string;
  /** Kind of database, such as `postgresql`. */
  readonly kind: string;
  /** What tells this database from every other. */
  readonly identity: string;
}

/** A transaction that is not finished, as a checkpoint keeps it. */
export interface ActiveTransaction {
  /** Number of the transaction. */
  readonly txn: bigint;
  /** Whether its decision to commit is in the log. */
  readonly decided: boolean;
  /** Set if its only branch that wrote was sent a one-phase COMMIT whose answer was lost. */
  readonly doubtful?: true;
  /** Its branches. */
  readonly branches: readonly BranchRecord[];
}

/** What an operator can decide about a branch. */
export const VERDICT_KINDS = ["commit", "rollback", "forget", "adopt"] as const;

/** What an operator decided about a branch, or about all branches of a coordinator whose log was lost. */
export interface BranchVerdict {
  /**
   * `commit` and `rollback` end a branch; `forget` gives up a transaction with all its branches; `adopt`
   * makes the branches of another coordinator known to this one.
   */
  readonly kind: typeof VERDICT_KINDS[number];
  /** Id of the transaction; for `adopt` the id of the other coordinator. */
  readonly subject: string;
  /** Name of the participant; empty if all are meant. */
  readonly participant: string;
  /** The branch's gid; empty if all are meant. */
  readonly gid: string;
  /** Why. */
  readonly reason: string;
  /** Who. */
  readonly by: string;
  /** When, RFC 3339. */
  readonly at: string;
}

/** A record of the log. */
export type LogRecord =
  | { readonly type: "begin"; readonly txn: bigint; readonly branches: readonly BranchRecord[] }
  | {
    readonly type: "committing";
    readonly txn: bigint;
    readonly branches: readonly BranchRecord[];
  }
  | { readonly type: "end"; readonly txn: bigint }
  | {
    readonly type: "checkpoint";
    readonly active: readonly ActiveTransaction[] | PackedTransactions;
    readonly participants: readonly ParticipantRecord[];
  }
  | ({ readonly type: "participant" } & ParticipantRecord)
  | ({ readonly type: "branch-verdict" } & BranchVerdict)
  | {
    readonly type: "outcomes";
    readonly forgotten: bigint;
    readonly outcomes: OutcomeList;
  }
  | { readonly type: "doubt"; readonly txn: bigint; readonly branches: readonly BranchRecord[] };

/** Tags of the record kinds; a tag is for ever. */
export const RECORD_TAGS = {
  begin: 1,
  committing: 2,
  end: 3,
  checkpoint: 4,
  participant: 6,
  "branch-verdict": 7,
  outcomes: 8,
  doubt: 9,
} as const satisfies Record<LogRecord["type"], number>;

const TYPES: (LogRecord["type"] | undefined)[] = [];
for (const type of Object.keys(RECORD_TAGS) as LogRecord["type"][]) TYPES[RECORD_TAGS[type]] = type;

type Branches = readonly BranchRecord[];

function packBranches(branches: Branches): ValueType[] {
  return branches.map(({ participant, gid, token }) => [
    packText(participant),
    packText(gid),
    token === null ? null : packText(token),
  ]);
}

function packParticipants(participants: readonly ParticipantRecord[]): ValueType[] {
  return participants.map((one) => [
    packText(one.name),
    packText(one.kind),
    packText(one.identity),
  ]);
}

function packRecord(record: LogRecord): ValueMap {
  switch (record.type) {
    case "begin":
    case "committing":
    case "doubt":
      return { txn: packNumber(record.txn), branches: packBranches(record.branches) };
    case "end":
      return { txn: packNumber(record.txn) };
    case "checkpoint":
      return {
        active: [...record.active].map((
          one,
        ) => [packNumber(one.txn), one.decided, packBranches(one.branches)]),
        participants: packParticipants(record.participants),
      };
    case "participant":
      return {
        name: packText(record.name),
        kind: packText(record.kind),
        identity: packText(record.identity),
      };
    case "branch-verdict":
      return packVerdict(record);
    case "outcomes":
      return { forgotten: packNumber(record.forgotten), ended: packOutcomes(record.outcomes) };
  }
}

function packVerdict(verdict: BranchVerdict): ValueMap {
  const { kind, subject, participant, gid, reason, by, at } = verdict;
  const fields = { kind, subject, participant, gid, reason, by, at };
  return Object.fromEntries(Object.entries(fields).map(([name, one]) => [name, packText(one)]));
}

/**
 * The body of a record's frame.
 *
 * @param record The record.
 * @returns Tag and payload.
 */
export function encodeRecord(record: LogRecord): Uint8Array {
  return encodeInPlace(record).slice();
}

/**
 * The body of a record, in the short way for the kinds that every commit writes and for all that is live.
 *
 * @param record The record.
 * @returns Tag and payload, valid until the next call.
 */
export function encodeInPlace(record: LogRecord): Uint8Array {
  return encodeHotRecord(record) ?? encodeGenerally(record);
}

function encodeHotRecord(record: LogRecord): Uint8Array | null {
  switch (record.type) {
    case "committing":
    case "begin":
      return encodeHotBranches(RECORD_TAGS[record.type], record.txn, record.branches);
    case "end":
      return encodeHotEnd(RECORD_TAGS.end, record.txn);
    case "checkpoint": {
      const participants = encode(packParticipants(record.participants));
      const active = Array.isArray(record.active) ? record.active : [...record.active];
      return encodeHotCheckpoint(RECORD_TAGS.checkpoint, active, participants);
    }
    default:
      return null;
  }
}

function encodeGenerally(record: LogRecord): Uint8Array {
  const payload = encode(packRecord(record));
  const body = new Uint8Array(payload.length + 1);
  body[0] = RECORD_TAGS[record.type];
  body.set(payload, 1);
  return body;
}

function unpackBranches(value: ValueType | undefined): BranchRecord[] {
  return list(value, "branches").map((entry) => {
    const [participant, gid, token] = list(entry, "branch");
    return {
      participant: text(participant, "participant"),
      gid: text(gid, "gid"),
      token: token === null || token === undefined ? null : text(token, "token"),
    };
  });
}

function unpackActive(value: ValueType): ActiveTransaction {
  const [txn, decided, branches] = list(value, "active transaction");
  return {
    txn: integer64(txn, "txn"),
    decided: typeof decided === "boolean" ? decided : refuse("decided", decided),
    branches: unpackBranches(branches),
  };
}

function unpackParticipant(value: ValueType): ParticipantRecord {
  const [name, kind, identity] = list(value, "participant");
  return {
    name: text(name, "name"),
    kind: text(kind, "kind"),
    identity: text(identity, "identity"),
  };
}

function unpackVerdict(map: ValueMap): BranchVerdict {
  const kind = VERDICT_KINDS.find((one) => one === map.kind) ?? refuse("kind", map.kind);
  return {
    kind,
    subject: text(map.subject, "subject"),
    participant: text(map.participant, "participant"),
    gid: text(map.gid, "gid"),
    reason: text(map.reason, "reason"),
    by: text(map.by, "by"),
    at: text(map.at, "at"),
  };
}

/**
 * Reads what a checkpoint says of participants.
 *
 * @param value The list in its payload.
 * @returns The participants.
 * @throws {TypeError} If it is no such list.
 */
export function unpackParticipants(value: ValueType | undefined): ParticipantRecord[] {
  return list(value, "participants").map(unpackParticipant);
}

/**
 * Reads outcomes as they are kept, without an object for each.
 *
 * @param body Tag and payload of a record of outcomes.
 * @returns The record.
 * @throws {TypeError} If the payload is not that of its kind.
 */
export function decodeOutcomes(body: Uint8Array): Extract<LogRecord, { type: "outcomes" }> {
  const map = unpackMap(body.subarray(1));
  return {
    type: "outcomes",
    forgotten: integer64(map.forgotten, "forgotten"),
    outcomes: unpackOutcomes(bytes(map.ended, "ended")),
  };
}

/**
 * Reads a record from the body of a frame whose checksum is right.
 *
 * @param body Tag and payload.
 * @returns The record, or `null` if the tag is not known: a newer version wrote it.
 * @throws {TypeError} If the payload is not that of its kind.
 */
export function decodeRecord(body: Uint8Array): LogRecord | null {
  const type = TYPES[body[0] ?? 0];
  if (type === undefined) return null;
  const map = unpackMap(body.subarray(1));
  switch (type) {
    case "begin":
    case "committing":
    case "doubt":
      return { type, txn: integer64(map.txn, "txn"), branches: unpackBranches(map.branches) };
    case "end":
      return { type, txn: integer64(map.txn, "txn") };
    case "checkpoint":
      return {
        type,
        active: list(map.active, "active").map(unpackActive),
        participants: unpackParticipants(map.participants),
      };
    case "participant":
      return {
        type,
        name: text(map.name, "name"),
        kind: text(map.kind, "kind"),
        identity: text(map.identity, "identity"),
      };
    case "branch-verdict":
      return { type, ...unpackVerdict(map) };
    case "outcomes": {
      const record = decodeOutcomes(body);
      return { ...record, outcomes: [...record.outcomes] };
    }
  }
}
