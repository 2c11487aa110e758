/**
 * A run with PGlite: both databases and the log lie in one temporary folder.
 *
 * @module
 */

import { BANK_NAMES, type BankAddress, type BankName } from "./bank.ts";
import { type Stage, TemporaryFolder } from "./stage.ts";

/** The place for a run with PGlite. */
export class PgliteStage implements Stage {
  readonly title = "PGlite on disk";
  readonly banks: Readonly<Record<BankName, BankAddress & { readonly kind: "pglite" }>>;
  readonly #folder: TemporaryFolder;

  /** Makes the folder. */
  constructor(keep: boolean) {
    this.#folder = new TemporaryFolder(keep);
    const address = (bank: BankName) => (
      { kind: "pglite", folder: `${this.#folder.path}/${bank}` } as const
    );
    this.banks = { north: address("north"), south: address("south") };
  }

  get directory(): string {
    return `${this.#folder.path}/indoubt`;
  }

  get remains(): readonly string[] {
    return [`Databases and log: ${this.#folder.path}`];
  }

  /** Founds both at the same time, each in a process of its own: the first start of PGlite takes long. */
  async found(signal: AbortSignal): Promise<void> {
    const ends = await Promise.allSettled(
      BANK_NAMES.map((bank) => foundInProcess(this.banks[bank].folder, signal)),
    );
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }
}

async function foundInProcess(folder: string, signal: AbortSignal): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${import.meta.dirname}/found_bank.ts`, folder],
    // Held open: its end tells the child that the demo is gone.
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
    signal,
  }).spawn();
  const said = new Response(child.stderr).text();
  const { success } = await child.status;
  await child.stdin.close().catch(() => {});
  signal.throwIfAborted();
  if (success) return;
  throw new Error(
    `Cannot found a bank with PGlite in ${folder}, it should be writable; it said:\n${
      (await said).trim()
    }`,
  );
}
