/**
 * Numbers of transactions: the epoch times 10^12 plus a count from 1. Every opening of the log makes a
 * larger epoch durable before the first transaction, so a number is never used twice, without a forced
 * write for each. People can read it: 7000000001042 is the 1042nd transaction of the 7th opening.
 *
 * @module
 */

const TRANSACTIONS_PER_EPOCH = 1_000_000_000_000;
const MAX_NUMBER = 2n ** 64n - 1n;
const MAX_EPOCH = Number(MAX_NUMBER / BigInt(TRANSACTIONS_PER_EPOCH)) - 1;

/** Gives out the numbers of one epoch. */
export class TransactionNumbers {
  readonly #end: bigint;
  #last: bigint;

  /**
   * Begins at the first number of an epoch.
   *
   * @param epoch The epoch, durable already.
   * @throws {RangeError} If there are no numbers left.
   */
  constructor(epoch: number) {
    if (!Number.isInteger(epoch) || epoch < 1 || epoch > MAX_EPOCH) {
      throw new RangeError(
        `Cannot number transactions: the epoch is ${epoch}, it must be 1 to ${MAX_EPOCH}`,
      );
    }
    this.#last = BigInt(epoch) * BigInt(TRANSACTIONS_PER_EPOCH);
    this.#end = this.#last + BigInt(TRANSACTIONS_PER_EPOCH - 1);
  }

  /** The largest number that was given out. */
  get last(): bigint {
    return this.#last;
  }

  /**
   * The next number.
   *
   * @returns A number that was never given out before.
   * @throws {RangeError} If the epoch has no numbers left.
   */
  next(): bigint {
    if (this.#last === this.#end) {
      throw new RangeError(
        `Cannot begin a transaction: ${TRANSACTIONS_PER_EPOCH - 1} were begun since the log was ` +
          "opened, close the coordinator and open it again",
      );
    }
    this.#last++;
    return this.#last;
  }
}

/**
 * The opening in which a transaction was begun.
 *
 * @param txn Number of the transaction.
 * @returns The epoch.
 */
export function epochOf(txn: bigint): number {
  return Number(txn / BigInt(TRANSACTIONS_PER_EPOCH));
}

/**
 * What the numbers of the opening of some transaction come after.
 *
 * @param txn Number of the transaction.
 * @returns A number that is larger than those of all earlier openings, and that no transaction has.
 */
export function beginningOfEpoch(txn: bigint): bigint {
  return txn - txn % BigInt(TRANSACTIONS_PER_EPOCH);
}

/**
 * Whether a number may have been given out in some opening.
 *
 * @param txn The number.
 * @returns False if it belongs to no epoch, or is none of the numbers of its epoch.
 */
export function isTransactionNumber(txn: bigint): boolean {
  return epochOf(txn) >= 1 && txn > beginningOfEpoch(txn);
}

/**
 * Reads a transaction's number from text.
 *
 * @param text Decimal digits.
 * @returns The number, or `null` if this is none.
 */
export function parseTransactionNumber(text: string): bigint | null {
  if (!/^[1-9][0-9]{0,19}$/.test(text)) return null;
  const number = BigInt(text);
  return number <= MAX_NUMBER ? number : null;
}
