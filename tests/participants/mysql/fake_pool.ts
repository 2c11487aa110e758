/**
 * A pool of mysql2 whose connections do what a test wants, and keep what happened to them.
 *
 * @module
 */

/** A connection that answers every statement with the same. */
export class FakeConnection {
  readonly threadId = 5;
  /** What happened, in order. */
  readonly log: string[] = [];
  /** What the next statement is answered with. */
  answer: Promise<unknown>;

  constructor(answer: Promise<unknown> = Promise.resolve([[]])) {
    this.answer = answer;
    answer.catch(() => {});
  }

  query(options: string | { sql: string }): Promise<unknown> {
    this.log.push(typeof options === "string" ? options : options.sql);
    return this.answer;
  }

  execute(text: string): Promise<unknown> {
    return this.query(text);
  }

  prepare(text: string): Promise<unknown> {
    return Promise.resolve({ execute: () => this.query(text), close: () => this.query("closed") });
  }

  on(): this {
    return this;
  }

  release(): void {
    this.log.push("release");
  }

  destroy(): void {
    this.log.push("destroy");
  }
}

/** A pool that gives a new connection to everybody. */
export class FakePool {
  readonly connections: FakeConnection[] = [];
  readonly #answer: Promise<unknown> | undefined;

  /** What the connections answer. */
  constructor(answer?: Promise<unknown>) {
    this.#answer = answer;
    answer?.catch(() => {});
  }

  query(options: { sql: string }): Promise<unknown> {
    return new FakeConnection(this.#answer).query(options);
  }

  getConnection(): Promise<FakeConnection> {
    const connection = new FakeConnection(this.#answer);
    this.connections.push(connection);
    return Promise.resolve(connection);
  }
}
