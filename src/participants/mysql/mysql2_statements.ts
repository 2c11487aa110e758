/**
 * Statements of the coordinator's own through mysql2, with the answers in the server's own text, whatever
 * shape of rows and types the application's pool has.
 *
 * @module
 */

import type { MysqlResult } from "./session.ts";

/** What runs statements in mysql2: a pool or a connection. */
export interface Mysql2Queries {
  /** Runs a statement. */
  // deno-lint-ignore no-explicit-any -- the driver's own signature has type parameters and overloads
  query(options: any, values?: any): Promise<any>;
}

/** What the driver gives for a column's value to a function that makes a type of it. */
interface Field {
  string(encoding?: string): string | null;
}

/** What the driver answers: rows, or the content of an OK. */
type DriverResult =
  | readonly (readonly (string | null)[])[]
  | { readonly affectedRows?: unknown; readonly serverStatus?: unknown };

/** In the state of a session that comes with each OK: SERVER_STATUS_AUTOCOMMIT. */
const AUTOCOMMIT = 2;

/**
 * Whether an answer of the driver says that rows were changed.
 *
 * @param result Rows, the content of an OK, or a list of these.
 * @returns False also if it says nothing about that.
 */
export function saysChanged(result: unknown): boolean {
  return someOf(result).some((one) => affectedRowsOf(one) > 0);
}

/**
 * To which database an answer of the driver says that the session has gone.
 *
 * @param result Rows, the content of an OK, or a list of these.
 * @returns The database; `null` also if the answer says nothing about that.
 */
export function databaseIn(result: unknown): string | null {
  return someOf(result).map(schemaOf).findLast((schema) => schema !== null) ?? null;
}

/** Several statements, or a procedure, give a list. It can be long, and what is missed here is asked later. */
function someOf(result: unknown): readonly unknown[] {
  return Array.isArray(result) ? [result[0], result.at(-1)] : [result];
}

/** The server tells it with the OK unless its `session_track_schema` was turned off. */
function schemaOf(ok: unknown): string | null {
  if (typeof ok !== "object" || ok === null || !("stateChanges" in ok)) return null;
  const { schema } = (ok.stateChanges ?? {}) as { schema?: unknown };
  return typeof schema === "string" ? schema : null;
}

function affectedRowsOf(ok: unknown): number {
  if (typeof ok !== "object" || ok === null || !("affectedRows" in ok)) return 0;
  return Number(ok.affectedRows) || 0;
}

/**
 * Runs a statement.
 *
 * @param queries A pool or a connection.
 * @param text The statement.
 * @returns What the server answered.
 */
export async function runOn(queries: Mysql2Queries, text: string): Promise<MysqlResult> {
  const [result]: [DriverResult] = await queries.query({
    sql: text,
    rowsAsArray: true,
    nestTables: false,
    typeCast: (field: Field) => field.string("utf8"),
  });
  if (isRows(result)) return { affectedRows: 0, rows: result };
  const affectedRows = affectedRowsOf(result);
  const { serverStatus } = result;
  if (typeof serverStatus !== "number") return { affectedRows, rows: [] };
  return { affectedRows, autocommit: (serverStatus & AUTOCOMMIT) !== 0, rows: [] };
}

function isRows(result: DriverResult): result is readonly (readonly (string | null)[])[] {
  return Array.isArray(result);
}
