/**
 * What the adapter for MariaDB and MySQL needs of a driver: something that runs statements and gives back
 * what the server itself said.
 *
 * @module
 */

import type { ServerSession } from "./token.ts";

/** What a server answered to one statement. */
export interface MysqlResult {
  /** How many rows the statement changed, from the server's OK; 0 if it answered with rows. */
  readonly affectedRows: number;
  /** Whether the session has autocommit on after it, as the server's OK says; absent if it answered with rows. */
  readonly autocommit?: boolean;
  /** The rows: every value as the server's own text. */
  readonly rows: readonly (readonly (string | null)[])[];
}

/** Runs statements, one at a time. */
export interface StatementRunner {
  /**
   * Runs one statement, without parameters.
   *
   * @param text The statement.
   * @returns What the server answered.
   * @throws {BranchLostError} If the session is known to be lost: then nothing was sent.
   * @throws The driver's error.
   */
  run(text: string): Promise<MysqlResult>;
}

/** A session of its own, taken for one branch. */
export interface MysqlSession<Client> extends StatementRunner {
  /** The driver's client bound to this session, for the application. */
  readonly client: Client;
  /** Whether a statement of the application has been answered with changed rows. */
  readonly wrote: boolean;
  /** The database to which the application has moved the session, as far as answers told; `null` if none did. */
  readonly movedTo: string | null;
  /**
   * Asks which session of the server this is.
   *
   * @returns The session.
   */
  identify(): Promise<ServerSession>;
  /** Makes the client refuse further use. */
  closeClient(): void;
  /** Asks the server, over another session, to stop what this one is doing. */
  interrupt(): Promise<void>;
  /**
   * Ends the session, and with it a branch that is not prepared, and looks whether both are gone.
   *
   * @param gid The branch.
   * @returns True if the server has neither any more; false if it still had when the time was up.
   * @throws The driver's error: nothing is known.
   */
  end(gid: string): Promise<boolean>;
  /**
   * Gives the session back, or ends it.
   *
   * @param clean Whether the session is known to be in no transaction; one that is not is ended, so that
   * nobody can come to work in a transaction of somebody else.
   */
  release(clean: boolean): void;
}

/**
 * The only row of a result.
 *
 * @param result What the server answered.
 * @returns The row.
 */
export function single(result: MysqlResult): readonly (string | null)[] {
  const row = result.rows[0];
  if (row === undefined) throw new TypeError("Cannot read the server's answer: it has no row");
  return row;
}

/**
 * A value that is never null.
 *
 * @param value The value.
 * @returns The same, as text.
 */
export function text(value: string | null | undefined): string {
  if (typeof value === "string") return value;
  throw new TypeError(`Cannot read the server's answer: a value is ${value}, it must be text`);
}
