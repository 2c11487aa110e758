/**
 * The kinds of records that a coordinator keeps in its log, and their bytes: a tag, and a payload in
 * MessagePack. Tags 5 and 7 are the log's own (`head.ts`).
 *
 * | tag | kind | payload |
 * |---|---|---|
 * | 1 | Begin | `{txn, branches}` |
 * | 2 | Committing, the decision | `{txn, branches}` |
 * | 3 | End | `{txn}` |
 * | 4 | Checkpoint | `{active: [[txn, decided, branches]], participants: [[name, kind, identity]]}` |
 * | 6 | Participant | `{name, kind, identity}` |
 *
 * `branches` is a list of `[participant, gid, token]`. Rules for change: a tag is never used again for
 * something else; keys and list places may be added, at the end, and a reader does without them; none
 * is removed, renamed or given another type. A reader therefore ignores keys and places it does not
 * know, and refuses a payload that lacks one it needs.
 *
 * @module
 */

import { decode } from "@std/msgpack/decode";
import { encode } from "@std/msgpack/encode";
import type { ValueMap, ValueType } from "@std/msgpack";

/** One database's part in a transaction, as the log keeps it. */
export interface BranchRecord {
  /** Name of the participant. */
  readonly participant: string;
  /** The exact name under which the branch is prepared. */
  readonly gid: string;
  /** What the participant can be asked for the branch's outcome by; `null` if it has no such thing. */
  readonly token: string | null;
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
  /** Its branches. */
  readonly branches: readonly BranchRecord[];
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
    readonly active: readonly ActiveTransaction[];
    readonly participants: readonly ParticipantRecord[];
  }
  | ({ readonly type: "participant" } & ParticipantRecord);

/** Tags of the record kinds; a tag is for ever. */
export const RECORD_TAGS = {
  begin: 1,
  committing: 2,
  end: 3,
  checkpoint: 4,
  participant: 6,
} as const satisfies Record<LogRecord["type"], number>;

const MAX_NUMBER = 2n ** 64n - 1n;

type Branches = readonly BranchRecord[];

/** Text that UTF-8 cannot hold would come back as another. */
function packText(text: string): string {
  if (text.isWellFormed()) return text;
  throw new RangeError(
    `Cannot encode a record: ${JSON.stringify(text)} has half a surrogate pair, it must be Unicode`,
  );
}

function packBranches(branches: Branches): ValueType[] {
  return branches.map(({ participant, gid, token }) => [
    packText(participant),
    packText(gid),
    token === null ? null : packText(token),
  ]);
}

/** A number that the decoder would refuse must not get into the log. */
function packNumber(txn: bigint): bigint {
  if (typeof txn === "bigint" && txn >= 0n && txn <= MAX_NUMBER) return txn;
  throw new RangeError(`Cannot encode a record: txn is ${txn}, it must be a bigint of 64 bits`);
}

function packRecord(record: LogRecord): ValueMap {
  switch (record.type) {
    case "begin":
    case "committing":
      return { txn: packNumber(record.txn), branches: packBranches(record.branches) };
    case "end":
      return { txn: packNumber(record.txn) };
    case "checkpoint":
      return {
        active: record.active.map((
          one,
        ) => [packNumber(one.txn), one.decided, packBranches(one.branches)]),
        participants: record.participants.map((one) => [
          packText(one.name),
          packText(one.kind),
          packText(one.identity),
        ]),
      };
    case "participant":
      return {
        name: packText(record.name),
        kind: packText(record.kind),
        identity: packText(record.identity),
      };
  }
}

/**
 * The body of a record's frame.
 *
 * @param record The record.
 * @returns Tag and payload.
 */
export function encodeRecord(record: LogRecord): Uint8Array {
  const payload = encode(packRecord(record));
  const body = new Uint8Array(payload.length + 1);
  body[0] = RECORD_TAGS[record.type];
  body.set(payload, 1);
  return body;
}

function refuse(what: string, value: unknown): never {
  throw new TypeError(`Cannot decode a record: ${what} is ${JSON.stringify(String(value))}`);
}

function text(value: ValueType | undefined, what: string): string {
  return typeof value === "string" ? value : refuse(what, value);
}

function integer64(value: ValueType | undefined, what: string): bigint {
  if (typeof value === "bigint" && value >= 0n && value <= MAX_NUMBER) return value;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  return refuse(what, value);
}

function list(value: ValueType | undefined, what: string): readonly ValueType[] {
  return Array.isArray(value) ? value : refuse(what, value);
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

function unpackMap(payload: Uint8Array): ValueMap {
  const value = decode(payload);
  if (
    typeof value !== "object" || value === null || Array.isArray(value) ||
    value instanceof Uint8Array
  ) return refuse("payload", value);
  return value as ValueMap;
}

/**
 * Reads a record from the body of a frame whose checksum is right.
 *
 * @param body Tag and payload.
 * @returns The record, or `null` if the tag is not known: a newer version wrote it.
 * @throws {TypeError} If the payload is not that of its kind.
 */
export function decodeRecord(body: Uint8Array): LogRecord | null {
  const tag = body[0];
  const type = (Object.keys(RECORD_TAGS) as LogRecord["type"][])
    .find((kind) => RECORD_TAGS[kind] === tag);
  if (type === undefined) return null;
  const map = unpackMap(body.subarray(1));
  switch (type) {
    case "begin":
    case "committing":
      return { type, txn: integer64(map.txn, "txn"), branches: unpackBranches(map.branches) };
    case "end":
      return { type, txn: integer64(map.txn, "txn") };
    case "checkpoint":
      return {
        type,
        active: list(map.active, "active").map(unpackActive),
        participants: list(map.participants, "participants").map(unpackParticipant),
      };
    case "participant":
      return {
        type,
        name: text(map.name, "name"),
        kind: text(map.kind, "kind"),
        identity: text(map.identity, "identity"),
      };
  }
}
