/**
 * A bank in a PostgreSQL database that may hold other things too: it lives in a schema of its own and
 * looks at nothing outside of it.
 *
 * @module
 */

import { postgres } from "@indoubt/coordinator/postgres";
import driver from "postgres";
import type { Bank } from "./bank.ts";
import { queryOf } from "./query.ts";

/** PostgreSQL's own settings for a session. */
export interface Settings {
  /** Milliseconds to wait for a lock. */
  readonly lock_timeout?: number;
}

/** Connections of a bank: one for each transfer at a time, and some to recover and to look. */
const CONNECTIONS = 8;

/**
 * Of all that is prepared in the database, what holds a lock on a table of the schema. This does not ask
 * by the gids' prefix: it finds them whatever they are called.
 */
export const PREPARED_IN_SCHEMA = `
  SELECT gid FROM pg_prepared_xacts AS prepared
  WHERE database = current_database() AND EXISTS (
    SELECT FROM pg_locks AS own
      JOIN pg_locks AS held USING (virtualtransaction)
      JOIN pg_class AS tables ON tables.oid = held.relation
    WHERE own.pid IS NULL AND own.transactionid = prepared.transaction
      AND held.pid IS NULL AND tables.relnamespace = current_schema()::regnamespace
  ) ORDER BY gid`;

/** Opens the bank; connects when first asked something. */
export function openPostgresBank(url: string, schema: string, settings: Settings = {}): Bank {
  const sql = connect(url, schema, settings);
  const query = queryOf(sql);
  return {
    participant: postgres(sql),
    query,
    prepared: async () => (await query(PREPARED_IN_SCHEMA)).map(({ gid }) => String(gid)),
    close: () => sql.end({ timeout: 5 }),
  };
}

/** Connects as the demo does everywhere: its tables need no schema before their names. */
export function connect(url: string, schema: string, settings: Settings = {}): driver.Sql {
  return driver(url, {
    max: CONNECTIONS,
    onnotice: () => {},
    connection: { application_name: "indoubt demo", search_path: schema, ...settings },
  });
}
