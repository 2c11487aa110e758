/**
 * Moves money from an account of one bank to an account of the other. This is all that an application
 * writes itself; that both halves happen or neither does is the coordinator's part.
 *
 * @module
 */

import { ACCOUNTS, BANK_NAMES, type BankName } from "./bank.ts";
import type { Query } from "./query.ts";
import type { SeededRandom } from "./random.ts";

/** A transfer to be made. */
export interface TransferOrder {
  readonly id: string;
  readonly from: BankName;
  readonly cents: number;
  /** The account on either side. */
  readonly accounts: Readonly<Record<BankName, number>>;
}

/** The sender has not enough money. */
export class InsufficientFundsError extends Error {
  override readonly name = "InsufficientFundsError";
}

const UNKNOWN_ACCOUNT = 9_999;
const USUAL_CENTS = [1, 5_000] as const;
const TOO_MANY_CENTS = 50_000_000;
const PERCENT_TOO_MUCH = 5;
const PERCENT_UNKNOWN_ACCOUNT = 5;

/** Thinks of a transfer. Some cannot go through: too much money, or an account that does not exist. */
export function thinkOfTransfer(random: SeededRandom, id: string): TransferOrder {
  const from = random.pick(BANK_NAMES);
  const to = from === "north" ? "south" : "north";
  const cents = random.integer(...USUAL_CENTS);
  const accounts = { north: random.integer(1, ACCOUNTS), south: random.integer(1, ACCOUNTS) };
  const usual = { id, from, cents, accounts };
  if (random.chance(PERCENT_TOO_MUCH)) return { ...usual, cents: TOO_MANY_CENTS };
  if (!random.chance(PERCENT_UNKNOWN_ACCOUNT)) return usual;
  return { ...usual, accounts: { ...accounts, [to]: UNKNOWN_ACCOUNT } };
}

/**
 * Does both halves of a transfer, each in its bank's transaction.
 *
 * @throws {InsufficientFundsError} If the sender has not enough; nothing of it happens then.
 */
export async function transfer(
  order: TransferOrder,
  banks: Readonly<Record<BankName, Query>>,
): Promise<void> {
  // In the same order whichever way the money goes, so that no two transfers wait for each other: a
  // circle that leads through two databases is seen by neither.
  for (const name of BANK_NAMES) {
    const cents = name === order.from ? -order.cents : order.cents;
    const [account] = await banks[name](
      "UPDATE accounts SET balance = balance + $1 WHERE id = $2 RETURNING balance",
      [cents, order.accounts[name]],
    );
    if (name === order.from && Number(account?.balance) < 0) {
      throw new InsufficientFundsError(
        `Cannot make transfer ${order.id}: account ${
          order.accounts[name]
        } of ${name} has not enough`,
      );
    }
    await banks[name](
      "INSERT INTO transfers (id, account, cents) VALUES ($1, $2, $3)",
      [order.id, order.accounts[name], cents],
    );
  }
}
