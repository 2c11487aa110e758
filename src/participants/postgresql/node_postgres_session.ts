/**
 * A client of a node-postgres pool as a session.
 *
 * A lost client stays lost: node-postgres connects none again. The client's own connection tells the
 * command tags of all that was run, by whatever means (cursors and streams included).
 *
 * @module
 */

import { BranchLostError } from "../../coordinator/errors.ts";
import { sqlStateOf } from "./answers.ts";
import { cancelStatement } from "./node_postgres_cancel.ts";
import { ClientGuard } from "./node_postgres_guard.ts";
import type { PostgresqlSession, StatementResult } from "./session.ts";
import { showsWriting, wholeTag } from "./tags.ts";

/** What is used of a client of a node-postgres pool. */
export interface NodePostgresClient {
  /** Runs statements. */
  // deno-lint-ignore no-explicit-any -- the driver's own type has many overloads here
  query(...parameters: any[]): any;
  /** Gives the client back to the pool; with true, ends it instead. */
  release(destroy?: Error | boolean): void;
  /** Hears of the loss of the connection. */
  // deno-lint-ignore no-explicit-any -- the driver's own type is Node's EventEmitter
  on(event: any, listener: (...parameters: any[]) => void): unknown;
  /** Hears of it no longer. */
  // deno-lint-ignore no-explicit-any -- the driver's own type is Node's EventEmitter
  removeListener(event: any, listener: (...parameters: any[]) => void): unknown;
}

/** What is used of a client where it has it, beyond what the driver documents. */
interface Internals {
  readonly connection?: Pick<NodePostgresClient, "on" | "removeListener">;
  /** The last thing that the server said: in no transaction, in one, or in a failed one. */
  getTransactionStatus?(): "I" | "T" | "E" | null;
}

interface Result {
  /** First word of the command tag. */
  readonly command: string | null;
  readonly rows: (string | null)[][];
}

/** No type of the application's client touches what the coordinator reads. */
const AS_TEXT = { getTypeParser: () => (value: string): string => value };

/** A client, for one branch. */
export class NodePostgresSession<Client> implements PostgresqlSession<Client> {
  readonly #client: NodePostgresClient & Client;
  readonly #guard: ClientGuard<NodePostgresClient & Client>;
  #lost = false;
  /** False once a statement has failed without an answer of PostgreSQL's own. */
  #sound = true;
  #underWay = 0;
  #cancelling = false;
  #wrote = false;
  #released = false;

  /** BEGIN is the branch's to send. */
  readonly begun = false;

  /**
   * Takes over a client.
   *
   * @param client The client.
   */
  constructor(client: NodePostgresClient & Client) {
    this.#client = client;
    this.#guard = new ClientGuard(client);
    client.on("error", this.#onLost);
    client.on("end", this.#onLost);
    this.#internals.connection?.on("commandComplete", this.#onTag);
  }

  get client(): Client {
    return this.#guard.client;
  }

  get wrote(): boolean {
    return this.#wrote;
  }

  async run(statements: string): Promise<StatementResult[]> {
    if (this.#lost) throw new BranchLostError();
    this.#underWay++;
    try {
      const query = { text: statements, rowMode: "array", types: AS_TEXT };
      const answer: Result | Result[] = await this.#client.query(query);
      return (Array.isArray(answer) ? answer : [answer]).map(({ command, rows }) => (
        { command: wholeTag(statements, command ?? ""), rows }
      ));
    } catch (error) {
      if (sqlStateOf(error) === null) this.#sound = false;
      throw error;
    } finally {
      this.#underWay--;
    }
  }

  closeClient(): void {
    this.#guard.close();
  }

  async cancel(): Promise<void> {
    this.#cancelling = true;
    await cancelStatement(this.#client);
    this.#cancelling = false;
  }

  release(clean: boolean): void {
    if (this.#released) return;
    this.#released = true;
    this.#guard.close();
    const status = this.#internals.getTransactionStatus?.() ?? "I";
    // A request to cancel that has not arrived would stop whatever the client does then.
    const usable = clean && this.#sound && !this.#lost && !this.#cancelling &&
      this.#underWay === 0 && status === "I";
    this.#internals.connection?.removeListener("commandComplete", this.#onTag);
    // In the same turn the pool begins to listen.
    this.#client.release(!usable);
    this.#client.removeListener("error", this.#onLost);
    this.#client.removeListener("end", this.#onLost);
  }

  get #internals(): Internals {
    return this.#client as unknown as Internals;
  }

  readonly #onLost = (cause?: Error): void => {
    this.#lost = true;
    this.#guard.lose(new BranchLostError(cause === undefined ? {} : { cause }));
  };

  readonly #onTag = ({ text }: { text?: unknown }): void => {
    // Such as "INSERT 0 5", "UPDATE 5", "CREATE TABLE".
    const count = /[0-9]+$/.exec(String(text))?.[0];
    this.#wrote ||= showsWriting(text, count === undefined ? null : Number(count));
  };
}
