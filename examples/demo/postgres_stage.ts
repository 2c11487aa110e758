/**
 * A run with two PostgreSQL databases that somebody uses for other things: everything is in a schema whose
 * name no other run has, and the schema is dropped in the end. Only a SIGKILL of the demo
 * itself leaves it there.
 *
 * @module
 */

import { type Bank, BANK_NAMES, type BankAddress, type BankName, foundBank } from "./bank.ts";
import { connect, openPostgresBank } from "./postgres_bank.ts";
import { type Stage, TemporaryFolder } from "./stage.ts";

/** PostgreSQL's code for a lock that was not got in time. */
const LOCK_NOT_AVAILABLE = "55P03";
const DROP_ATTEMPTS = 20;

type Address = BankAddress & { readonly kind: "postgres" };

/** The place for a run with PostgreSQL. */
export class PostgresStage implements Stage {
  readonly title = "PostgreSQL";
  readonly banks: Readonly<Record<BankName, Address>>;
  readonly #folder: TemporaryFolder;
  readonly #keep: boolean;
  readonly #schema = `indoubt_demo_${crypto.randomUUID().slice(0, 8)}`;
  /** Banks whose database has the schema. */
  readonly #made: BankName[] = [];

  /** Makes the folder; the databases are not touched yet. */
  constructor([north, south]: readonly [string, string], keep: boolean) {
    this.#keep = keep;
    this.#folder = new TemporaryFolder(keep);
    const address = (url: string) => ({ kind: "postgres", url, schema: this.#schema } as const);
    this.banks = { north: address(north), south: address(south) };
  }

  get directory(): string {
    return `${this.#folder.path}/indoubt`;
  }

  get remains(): readonly string[] {
    return [
      `Log: ${this.#folder.path}`,
      ...BANK_NAMES.map((bank) =>
        `Bank ${bank}: schema ${this.#schema} in ${nameOf(this.banks[bank])}`
      ),
    ];
  }

  async found(signal: AbortSignal): Promise<void> {
    for (const bank of BANK_NAMES) {
      signal.throwIfAborted();
      await this.#makeSchema(bank);
      const { url, schema } = this.banks[bank];
      const open = openPostgresBank(url, schema);
      try {
        await foundBank(open);
      } finally {
        await open.close();
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (!this.#keep) await Promise.all(this.#made.map((bank) => dropBank(this.banks[bank])));
    } finally {
      await this.#folder[Symbol.asyncDispose]();
    }
  }

  async #makeSchema(bank: BankName): Promise<void> {
    const address = this.banks[bank];
    const sql = connect(address.url, "pg_catalog");
    try {
      const [row] = await sql`
        SELECT current_setting('max_prepared_transactions') AS slots,
               to_regnamespace(${this.#schema}) IS NOT NULL AS known`.catch((error) => {
        throw new Error(
          `Cannot reach the database of bank ${bank}, ${nameOf(address)}: ${reasonOf(error)}, ` +
            "see that it runs and that the address is right",
          { cause: error },
        );
      });
      if (row?.slots === "0") {
        throw new Error(
          `Cannot use the database of bank ${bank}, ${nameOf(address)}: its ` +
            "max_prepared_transactions is 0, set it to 20 or more and restart the server",
        );
      }
      if (row?.known === true) {
        throw new Error(
          `Cannot use ${nameOf(address)} for both banks: it is one and the same database, ` +
            "name two different ones",
        );
      }
      await sql`CREATE SCHEMA ${sql(this.#schema)}`.catch((error) => {
        throw new Error(
          `Cannot make a schema in the database of bank ${bank}, ${nameOf(address)}: ` +
            `${reasonOf(error)}, use a role that has the right to CREATE in it`,
          { cause: error },
        );
      });
      this.#made.push(bank);
    } finally {
      await sql.end({ timeout: 1 });
    }
  }
}

/** Takes away a bank, also one that a run which was broken off has left prepared transactions in. */
async function dropBank(address: Address): Promise<void> {
  const bank = openPostgresBank(address.url, address.schema, { lock_timeout: 500 });
  try {
    for (let attempt = 1; !await tryToDrop(bank, address.schema); attempt++) {
      if (attempt === DROP_ATTEMPTS) {
        throw new Error(
          `Cannot drop schema ${address.schema} in ${
            nameOf(address)
          }: another session holds a lock ` +
            "on it, drop it by hand",
        );
      }
    }
  } finally {
    await bank.close();
  }
}

/**
 * Drops the schema unless somebody holds a lock in it: a session of the killed worker can still be about
 * to prepare its transaction, which then would keep the lock for ever.
 */
async function tryToDrop(bank: Bank, schema: string): Promise<boolean> {
  for (const gid of await bank.prepared()) {
    await bank.query(`ROLLBACK PREPARED '${gid.replaceAll("'", "''")}'`);
  }
  try {
    await bank.query(`DROP SCHEMA "${schema}" CASCADE`);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === LOCK_NOT_AVAILABLE) {
      return false;
    }
    throw error;
  }
}

/** Names a database without the password that its address may hold. */
function nameOf({ url }: Address): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : error.name;
  return error.message === "" ? code : error.message;
}
