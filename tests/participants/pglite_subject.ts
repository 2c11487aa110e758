/**
 * PGlite for tests: instances that take seconds to make are shared by the steps of a test, and each
 * step finds them empty, with nothing prepared and nothing held.
 *
 * @module
 */

import { PGlite, type Transaction } from "@electric-sql/pglite";
import { pglite, type PgliteParticipant } from "../../src/participants/pglite/pglite.ts";
import type { ContractSubject } from "./contract.ts";
import { TABLES } from "./postgresql/dialect.ts";

/** Makes an instance in memory. */
export function createPglite(maxPrepared = 20): Promise<PGlite> {
  return PGlite.create({
    startParams: [
      ...PGlite.defaultStartParams,
      "-c",
      `max_prepared_transactions=${maxPrepared}`,
    ],
  });
}

/** The first value of each row of the last result, and no other. */
export async function firstColumn(
  queries: Pick<PGlite | Transaction, "exec">,
  text: string,
): Promise<string[]> {
  const results = await queries.exec(text, { rowMode: "array" });
  return (results.at(-1)?.rows ?? []).map((row) => String((row as unknown as unknown[])[0]));
}

/** Two instances. */
export class PgliteHost {
  readonly #instances: readonly [PGlite, PGlite];

  private constructor(instances: readonly [PGlite, PGlite]) {
    this.#instances = instances;
  }

  /** Makes them. */
  static async create(): Promise<PgliteHost> {
    return new PgliteHost([await createPglite(), await createPglite()]);
  }

  /** The first one. */
  get db(): PGlite {
    return this.#instances[0];
  }

  /** A participant on the emptied first instance, and another one on the second. */
  async subject(): Promise<
    ContractSubject<Transaction> & { participant: PgliteParticipant<Transaction> }
  > {
    const { db } = this;
    for (const instance of this.#instances) await empty(instance);
    const participant = pglite(db);
    return {
      participant,
      other: pglite(this.#instances[1]),
      run: firstColumn,
      runOutside: (text) => firstColumn(db, text),
      [Symbol.asyncDispose]: () => Promise.resolve(participant.detach()),
    };
  }

  /** Closes them. */
  async close(): Promise<void> {
    for (const instance of this.#instances) await instance.close();
  }
}

/** What a failed test has left prepared would stop the process at a statement that waits for it. */
async function empty(db: PGlite): Promise<void> {
  for (const gid of await firstColumn(db, "SELECT quote_literal(gid) FROM pg_prepared_xacts")) {
    await db.exec(`ROLLBACK PREPARED ${gid}`);
  }
  await db.exec(TABLES);
}

/** Registers a test, as `Deno.test` does. */
export type Register = (name: string, body: () => Promise<void>) => void;

/**
 * Runs tests on one host as the steps of one test. The engine has a timer of its own for
 * statistics, which goes from step to step; so it is the whole test that must leave nothing, no
 * timer either.
 */
export function testOnPglite(
  name: string,
  registerAll: (test: Register, host: () => PgliteHost) => void,
): void {
  const steps: Omit<Deno.TestStepDefinition, "ignore">[] = [];
  let host: PgliteHost;
  registerAll(
    (name, fn) => steps.push({ name, fn, sanitizeOps: false, sanitizeResources: false }),
    () => host,
  );
  Deno.test(name, async (t) => {
    host = await PgliteHost.create();
    try {
      for (const step of steps) await t.step(step);
    } finally {
      await host.close();
    }
  });
}
