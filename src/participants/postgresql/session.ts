/**
 * What the PostgreSQL adapters have in common is written against this: something that runs statements and
 * gives back what PostgreSQL itself said, the command tag included.
 *
 * @module
 */

/** What PostgreSQL answered to one statement. */
export interface StatementResult {
  /** The command tag without its count, such as `PREPARE TRANSACTION`. */
  readonly command: string;
  /** The rows: every value as PostgreSQL's own text, whatever types and transforms the driver has. */
  readonly rows: readonly (readonly (string | null)[])[];
}

/** Runs statements, one text at a time; a text may hold several. */
export interface StatementRunner {
  /**
   * Runs the statements of a text, without parameters.
   *
   * @param text The statements.
   * @returns One result for each.
   * @throws {BranchLostError} If the session is known to be lost: then nothing was sent.
   * @throws The driver's error.
   */
  run(text: string): Promise<StatementResult[]>;
}

/** A session of its own, taken for one branch. */
export interface PostgresqlSession<Client> extends StatementRunner {
  /** The driver's client bound to this session, for the application. */
  readonly client: Client;
  /** Whether the driver has sent BEGIN already. */
  readonly begun: boolean;
  /** Whether a command tag has shown that a statement of the application wrote. */
  readonly wrote: boolean;
  /** Makes the client refuse further use. */
  closeClient(): void;
  /**
   * Asks the server to stop what the session is doing; resolves when the server has taken the request, or
   * cannot. A session that is given back before that is ended: the request could hit whoever has it then.
   */
  cancel(): Promise<void>;
  /**
   * Gives the session back, or ends it.
   *
   * @param clean Whether the session is known to be in no transaction; one that is not is ended, so that
   * nobody can come to work in a transaction of somebody else.
   */
  release(clean: boolean): void;
}
