/**
 * A bank in PGlite: PostgreSQL inside this process, its data in a folder. Nothing locks that folder, so
 * the demo sees to it that only one process has it open.
 *
 * @module
 */

import { PGlite } from "@electric-sql/pglite";
import { pglite } from "@indoubt/coordinator/pglite";
import type { Bank } from "./bank.ts";
import { queryOf } from "./query.ts";

/** Opens the bank, and makes the database if there is none. */
export async function openPgliteBank(folder: string): Promise<Bank> {
  const database = await PGlite.create({
    dataDir: folder,
    // Without this PostgreSQL prepares nothing. It replaces PGlite's own list, hence the copy.
    startParams: [...PGlite.defaultStartParams, "-c", "max_prepared_transactions=20"],
  });
  const query = queryOf(database);
  return {
    participant: pglite(database),
    query,
    async prepared() {
      // The whole database is the bank's: nothing at all may be left in it.
      const rows = await query("SELECT gid FROM pg_prepared_xacts ORDER BY gid");
      return rows.map(({ gid }) => String(gid));
    },
    close: () => database.close(),
  };
}
