/**
 * A bank: a database with accounts and with the transfers that changed them. The same tables and
 * statements serve PGlite and PostgreSQL; what differs is how each is opened and asked.
 *
 * @module
 */

import type { Participant } from "@indoubt/coordinator";
import type { BankClient, Query } from "./query.ts";

/** The banks, in the order in which every transfer visits them. */
export const BANK_NAMES = ["north", "south"] as const;

/** Name of a bank; also of its participant. */
export type BankName = (typeof BANK_NAMES)[number];

/** Where a bank's database is. */
export type BankAddress =
  | { readonly kind: "pglite"; readonly folder: string }
  | { readonly kind: "postgres"; readonly url: string; readonly schema: string };

/** A bank whose database is open. */
export interface Bank {
  /** What the coordinator is given. */
  readonly participant: Participant<BankClient>;
  /** Runs a statement outside of any transfer. */
  readonly query: Query;
  /** Lists the gids of prepared transactions that concern this bank. */
  prepared(): Promise<string[]>;
  /** Closes the database. */
  close(): Promise<void>;
}

/** An account as it stands in a bank. */
export interface Account {
  readonly id: number;
  readonly opening: number;
  readonly balance: number;
}

/** One bank's half of a transfer. */
export interface Half {
  readonly transfer: string;
  readonly account: number;
  readonly cents: number;
}

/** All that a bank holds. */
export interface BankBooks {
  readonly accounts: readonly Account[];
  readonly halves: readonly Half[];
  readonly prepared: readonly string[];
}

/** Accounts have the numbers 1 to this. */
export const ACCOUNTS = 20;

const OPENING_CENTS = 100_000;

const FOUNDING_STATEMENTS: readonly string[] = [
  `CREATE TABLE accounts (
     id      integer PRIMARY KEY,
     opening integer NOT NULL,
     balance integer NOT NULL
   )`,
  // Deferred to the end of the transaction, so that an unknown account is refused only by PREPARE.
  `CREATE TABLE transfers (
     id      text PRIMARY KEY,
     account integer NOT NULL REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED,
     cents   integer NOT NULL
   )`,
  `INSERT INTO accounts (id, opening, balance)
   SELECT id, ${OPENING_CENTS}, ${OPENING_CENTS} FROM generate_series(1, ${ACCOUNTS}) AS id`,
];

/** Money in both banks when they are founded. */
export const FOUNDING_SUM: number = BANK_NAMES.length * ACCOUNTS * OPENING_CENTS;

/** Makes tables and accounts in an empty database or schema. */
export async function foundBank(bank: Bank): Promise<void> {
  for (const statement of FOUNDING_STATEMENTS) await bank.query(statement);
}

/** Reads all that a bank holds. */
export async function readBooks(bank: Bank): Promise<BankBooks> {
  const accounts = await bank.query("SELECT id, opening, balance FROM accounts ORDER BY id");
  const halves = await bank.query("SELECT id, account, cents FROM transfers ORDER BY id");
  return {
    accounts: accounts.map(({ id, opening, balance }) => ({
      id: Number(id),
      opening: Number(opening),
      balance: Number(balance),
    })),
    halves: halves.map(({ id, account, cents }) => ({
      transfer: String(id),
      account: Number(account),
      cents: Number(cents),
    })),
    prepared: await bank.prepared(),
  };
}
