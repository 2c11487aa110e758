/**
 * The database of a session. `USE` moves a session to another one, in which a table of the same name may be
 * another table: so the coordinator names its table in full, and sees that a session of the pool is where the
 * pool has connected it.
 *
 * Names are asked for and compared as digits, which are the same in every character set.
 *
 * @module
 */

import type { StatementRunner } from "./session.ts";
import { single } from "./session.ts";

/**
 * Asks a session in which database it is.
 *
 * @param runner The session.
 * @returns The database's name; `null` if it is in none.
 */
export async function askDatabase(runner: StatementRunner): Promise<string | null> {
  const [digits] = single(await runner.run("SELECT HEX(DATABASE())"));
  if (digits === null || digits === undefined) return null;
  return new TextDecoder().decode(
    Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)),
  );
}

/**
 * A condition that is true in one database.
 *
 * @param database The database's name.
 * @returns The text.
 */
export function isIn(database: string): string {
  const bytes = new TextEncoder().encode(database);
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `HEX(DATABASE()) = '${digits.toUpperCase()}'`;
}

/**
 * A name as it may stand in a statement, in every SQL mode.
 *
 * @param name The name.
 * @returns The text.
 */
export function quoteName(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

/**
 * Brings a session to a database.
 *
 * @param runner The session.
 * @param database The database's name.
 */
export async function moveTo(runner: StatementRunner, database: string): Promise<void> {
  await runner.run(`USE ${quoteName(database)}`);
}
