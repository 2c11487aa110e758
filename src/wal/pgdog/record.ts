/**
 * The four kinds of records that pgdog's log knows, read from a frame's body.
 *
 * | tag | kind | payload |
 * |---|---|---|
 * | 1 | Begin | `{txn, user, database}` |
 * | 2 | Committing, the decision | `{txn}` |
 * | 3 | End | `{txn}` |
 * | 4 | Checkpoint | `{active: [{txn, user, database, decided}]}` |
 *
 * A tag is for ever; fields may be added. Which forms of a payload are taken is said in
 * `payload.ts`.
 *
 * @module
 */

import type { Span } from "./message_pack.ts";
import { decodeBoolean, decodeInteger, decodeText, elementsOf, findFields } from "./payload.ts";

/** A transaction that is not finished. */
export interface PgdogTransaction {
  /** Number of the transaction, unsigned 64 bits. */
  readonly txn: bigint;
  /** The user as whom pgdog connected. */
  readonly user: string;
  /** The database of that name in pgdog's configuration. */
  readonly database: string;
  /** Whether its decision to commit is in the log. */
  readonly decided: boolean;
}

/** A record of the log. */
export type PgdogRecord =
  | {
    readonly type: "begin";
    readonly txn: bigint;
    readonly user: string;
    readonly database: string;
  }
  | { readonly type: "committing"; readonly txn: bigint }
  | { readonly type: "end"; readonly txn: bigint }
  | { readonly type: "checkpoint"; readonly active: readonly PgdogTransaction[] };

/** Tags of the record kinds. */
export const PGDOG_TAGS = {
  begin: 1,
  committing: 2,
  end: 3,
  checkpoint: 4,
} as const satisfies Record<PgdogRecord["type"], number>;

/**
 * Whether a record kind is known.
 *
 * @param tag First byte of a frame's body.
 * @returns False if a newer version wrote it.
 */
export function isPgdogTag(tag: number): boolean {
  return tag >= PGDOG_TAGS.begin && tag <= PGDOG_TAGS.checkpoint;
}

/**
 * Reads a record from the body of a frame whose checksum is right.
 *
 * @param body Tag and payload, and perhaps more behind it, which is ignored.
 * @returns The record; it keeps none of the bytes.
 * @throws {TypeError} If the tag is unknown or the payload is not that of its kind.
 */
export function decodePgdogRecord(body: Uint8Array): PgdogRecord {
  const payload: Span = { start: 1, end: body.length };
  switch (body[0]) {
    case PGDOG_TAGS.begin: {
      const [txn, user, database] = findFields(body, payload, NAMES.begin);
      return {
        type: "begin",
        txn: decodeInteger(body, txn, "txn"),
        user: decodeText(body, user, "user"),
        database: decodeText(body, database, "database"),
      };
    }
    case PGDOG_TAGS.committing:
      return { type: "committing", txn: decodeTxn(body, payload) };
    case PGDOG_TAGS.end:
      return { type: "end", txn: decodeTxn(body, payload) };
    case PGDOG_TAGS.checkpoint: {
      const [active] = findFields(body, payload, NAMES.checkpoint);
      const entries: PgdogTransaction[] = [];
      for (const entry of elementsOf(body, active)) {
        entries.push(decodeEntry(body, entry));
      }
      return { type: "checkpoint", active: entries };
    }
    default:
      throw new TypeError(
        `Cannot decode a record of pgdog: its tag is ${body[0]}, one from 1 to 4 would be right`,
      );
  }
}

const NAMES = {
  begin: ["txn", "user", "database"],
  txn: ["txn"],
  checkpoint: ["active"],
  entry: ["txn", "user", "database", "decided"],
} as const;

function decodeTxn(body: Uint8Array, payload: Span): bigint {
  const [txn] = findFields(body, payload, NAMES.txn);
  return decodeInteger(body, txn, "txn");
}

function decodeEntry(body: Uint8Array, entry: Span): PgdogTransaction {
  const [txn, user, database, decided] = findFields(body, entry, NAMES.entry);
  return {
    txn: decodeInteger(body, txn, "txn"),
    user: decodeText(body, user, "user"),
    database: decodeText(body, database, "database"),
    decided: decodeBoolean(body, decided, "decided"),
  };
}
