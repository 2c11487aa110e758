/**
 * Where a run takes place: a temporary folder for the coordinator's log, and two banks that are founded
 * before it and taken away after it, however it ends.
 *
 * @module
 */

import type { BankAddress, BankName } from "./bank.ts";

/** A place for one run. */
export interface Stage extends AsyncDisposable {
  /** What kind of databases there are, for people. */
  readonly title: string;
  /** Where the coordinator keeps its log. */
  readonly directory: string;
  readonly banks: Readonly<Record<BankName, BankAddress>>;
  /** What stays if the run is kept, for people. */
  readonly remains: readonly string[];
  /**
   * Makes the banks.
   *
   * @param signal Breaks it off.
   */
  found(signal: AbortSignal): Promise<void>;
}

/** A folder that is removed in the end, unless it is to be kept. */
export class TemporaryFolder implements AsyncDisposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "indoubt_demo_" });
  readonly #keep: boolean;

  /** Makes it. */
  constructor(keep: boolean) {
    this.#keep = keep;
  }

  /** Removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#keep) await Deno.remove(this.path, { recursive: true });
  }
}
