/**
 * Opens a bank, wherever it is.
 *
 * @module
 */

import type { Bank, BankAddress, BankName } from "./bank.ts";
import { openPgliteBank } from "./pglite_bank.ts";
import { openPostgresBank } from "./postgres_bank.ts";

/** Both banks, open. */
export class Banks implements AsyncDisposable {
  readonly north: Bank;
  readonly south: Bank;

  private constructor(north: Bank, south: Bank) {
    this.north = north;
    this.south = south;
  }

  /** Opens both. */
  static async open(addresses: Readonly<Record<BankName, BankAddress>>): Promise<Banks> {
    const north = await openBank(addresses.north);
    try {
      return new Banks(north, await openBank(addresses.south));
    } catch (error) {
      await north.close();
      throw error;
    }
  }

  /** Closes both. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.north.close();
    await this.south.close();
  }
}

/** Opens one. */
export async function openBank(address: BankAddress): Promise<Bank> {
  return address.kind === "pglite"
    ? await openPgliteBank(address.folder)
    : openPostgresBank(address.url, address.schema);
}
