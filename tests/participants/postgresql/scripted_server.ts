/**
 * A PostgreSQL server without a database: a script per connection says what is answered and when the
 * connection ends, so that a driver can be met with every moment of an outage, each time the same.
 *
 * @module
 */

import { PostgresWire } from "../../servers/proxy/postgres_wire.ts";
import { joined } from "../../servers/proxy/wire.ts";

/** What becomes of one connection, numbered from 0 in the order in which they are accepted. */
export type Script = (connection: ScriptedConnection, number: number) => Promise<void>;

/** An error's severity, SQLSTATE and text. */
export type Failure = readonly [severity: "ERROR" | "FATAL", code: string, message: string];

/** What a server says that was killed and has not recovered yet. */
export const STARTING: Failure = [
  "FATAL",
  "57P03",
  "the database system is not yet accepting connections",
];

/** What a session is told that an administrator ends. */
export const TERMINATED: Failure = ["FATAL", "57P01", "terminating connection"];

/** Listens on 127.0.0.1, and plays the script for each connection. */
export class ScriptedServer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<ScriptedConnection>();
  readonly #accepting: Promise<void>;
  #accepted = 0;

  /** What becomes of the connections that are accepted from now on. */
  script: Script;
  /** What the answer to each command waits for on connections that are served. */
  before: (command: string) => Promise<void> = () => Promise.resolve();

  /** Starts to listen. */
  constructor(script: Script) {
    this.script = script;
    this.#accepting = this.#accept();
  }

  /** How many connections it has accepted. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Where it is reached. */
  get url(): string {
    return `postgres://nobody@127.0.0.1:${this.#listener.addr.port}/nowhere`;
  }

  /** Ends every connection. */
  cut(): void {
    for (const connection of this.#connections) connection.close();
  }

  /** Ends everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    const playing: Promise<void>[] = [];
    for await (const socket of this.#listener) {
      const connection = new ScriptedConnection(socket, (command) => this.before(command));
      this.#connections.add(connection);
      playing.push(this.#play(connection, this.#accepted++));
    }
    await Promise.all(playing);
  }

  async #play(connection: ScriptedConnection, number: number): Promise<void> {
    try {
      await this.script(connection, number);
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionAborted)) throw error;
    } finally {
      connection.close();
      this.#connections.delete(connection);
    }
  }
}

/** The server's side of one connection. */
export class ScriptedConnection {
  readonly #socket: Deno.TcpConn;
  readonly #wire = new PostgresWire();
  readonly #before: (command: string) => Promise<void>;
  readonly #closed = Promise.withResolvers<void>();
  readonly #commands: string[] = [];

  constructor(socket: Deno.TcpConn, before: (command: string) => Promise<void>) {
    this.#socket = socket;
    this.#before = before;
  }

  /** The next command of the client; `(startup)` and `(cancel)` are commands too. */
  async next(): Promise<string> {
    const buffer = new Uint8Array(65_536);
    while (true) {
      const command = this.#commands.shift();
      if (command !== undefined) return command;
      const length = await this.#socket.read(buffer).catch(() => null);
      if (length === null) throw new Deno.errors.ConnectionAborted("The client has gone");
      for (const { command } of this.#wire.fromClient(buffer.slice(0, length))) {
        if (command !== null) this.#commands.push(command);
      }
    }
  }

  /** Waits until something of the next command has arrived, and leaves the rest where it is. */
  async touch(): Promise<void> {
    if (this.#commands.length === 0) await this.#socket.read(new Uint8Array(1));
  }

  /** Accepts the session. */
  async welcome(): Promise<void> {
    const accepted = message("R", new Uint8Array(4));
    const key = message("K", new Uint8Array([0, 0, 0, 1, 0, 0, 0, 1]));
    await this.#send(accepted, key, READY);
  }

  /** Answers a command that has no rows. */
  async answer(command: string): Promise<void> {
    const tag = message("C", text(tagOf(command)));
    // What asks for the driver's array types is a prepared statement, all others are plain texts.
    if (command.includes("typarray")) {
      const parameters = message("t", new Uint8Array(2));
      await this.#send(message("1"), parameters, message("n"), message("2"), tag, READY);
    } else await this.#send(tag, READY);
  }

  /** Refuses a command, or the session. */
  async fail([severity, code, reason]: Failure): Promise<void> {
    const fields = ["S", severity, "V", severity, "C", code, "M", reason];
    const pairs = fields.map((field, index) => index % 2 === 0 ? letter(field) : text(field));
    const error = message("E", joined([...pairs, new Uint8Array(1)]));
    await (severity === "FATAL" ? this.#send(error) : this.#send(error, READY));
  }

  /** Answers whatever comes, until the client goes. */
  async serve(): Promise<void> {
    while (true) {
      const command = await this.next();
      await Promise.race([this.#before(command), this.#closed.promise]);
      await (command === "(startup)" ? this.welcome() : this.answer(command));
    }
  }

  /** Ends the connection: in order if all was read that has arrived, by a reset otherwise. */
  close(): void {
    this.#closed.resolve();
    try {
      this.#socket.close();
    } catch {
      // It is closed already.
    }
  }

  async #send(...messages: readonly Uint8Array[]): Promise<void> {
    const bytes = joined(messages);
    try {
      for (let sent = 0; sent < bytes.length;) {
        sent += await this.#socket.write(bytes.subarray(sent));
      }
    } catch (cause) {
      throw new Deno.errors.ConnectionAborted("The client has gone", { cause });
    }
  }
}

/** PostgreSQL's tag for a statement of which the last in the text is meant. */
function tagOf(command: string): string {
  const last = command.split(";").at(-1)!.trim();
  const [verb = ""] = last.split(/\s/);
  return verb.toUpperCase() === "SELECT" ? "SELECT 0" : verb.toUpperCase();
}

function letter(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(`${value}\0`);
}

function message(type: string, body: Uint8Array = new Uint8Array()): Uint8Array {
  const bytes = new Uint8Array(5 + body.length);
  bytes.set(letter(type));
  new DataView(bytes.buffer).setUint32(1, 4 + body.length);
  bytes.set(body, 5);
  return bytes;
}

const READY = message("Z", letter("I"));
