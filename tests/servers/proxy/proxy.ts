/**
 * A proxy between a client and a database server on this machine. It sees every command, and does
 * with it what the test says: passes it, ends the connection before the server gets it, ends the
 * connection in the place of the answer, or holds the command or its answer back.
 *
 * Like a network, it delivers what was sent by a client that has died since.
 *
 * @module
 */

import type { Gate } from "./gate.ts";
import { PostgresWire } from "./postgres_wire.ts";
import { joined, type Wire } from "./wire.ts";

/** What is done with a command. */
export type Treatment =
  | "pass"
  /** The server never gets it; the connection is lost. */
  | "cut before"
  /** The server has carried it out; the connection is lost instead of the answer. */
  | "cut after"
  /** The server gets it when the gate opens, whether its client lives or not. */
  | { readonly delay: Gate }
  /** The server has carried it out; the answer is heard when the gate opens. */
  | { readonly hold: Gate };

/** A command on its way. */
export interface Command {
  /** The connection, numbered from 0. */
  readonly connection: number;
  /** The statement's text, or what else it is in brackets. */
  readonly text: string;
}

/** Says what is done with a command. */
export type Rule = (command: Command) => Treatment;

/** A proxy for one server. Made by {@linkcode Proxy.start}. */
export class Proxy implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #port: () => number;
  readonly #wire: () => Wire;
  readonly #connections = new Set<Connection>();
  readonly #closing = Promise.withResolvers<void>();
  readonly #accepting: Promise<void>;
  #accepted = 0;

  /** What is done with commands; they pass unless a test says otherwise. */
  rule: Rule = () => "pass";

  private constructor(port: () => number, wire: () => Wire) {
    this.#port = port;
    this.#wire = wire;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#accepting = this.#accept();
  }

  /**
   * Starts one.
   *
   * @param port Where the server listens on 127.0.0.1; asked anew for each connection.
   * @param wire How its connections are read.
   */
  static start(port: () => number, wire: () => Wire = () => new PostgresWire()): Proxy {
    return new Proxy(port, wire);
  }

  /** Where it listens on 127.0.0.1. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** A URL of the server, led through the proxy. */
  through(url: string): string {
    const led = new URL(url);
    led.port = String(this.port);
    return led.href;
  }

  /** Ends every connection at once. */
  cutAll(): void {
    for (const connection of this.#connections) connection.cut();
  }

  /** Ends every connection and takes no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    close(this.#listener);
    this.#closing.resolve();
    this.cutAll();
    await this.#accepting;
    await Promise.all([...this.#connections].map(({ ended }) => ended));
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      const number = this.#accepted++;
      let server: Deno.TcpConn;
      try {
        server = await Deno.connect({ hostname: "127.0.0.1", port: this.#port() });
      } catch {
        client.close();
        continue;
      }
      const rule = (text: string) => this.rule({ connection: number, text });
      const closing = this.#closing.promise;
      const connection = new Connection(client, server, this.#wire(), rule, closing);
      this.#connections.add(connection);
      void connection.ended.then(() => this.#connections.delete(connection));
    }
  }
}

/** One connection through a proxy. */
class Connection {
  readonly #client: Deno.TcpConn;
  readonly #server: Deno.TcpConn;
  readonly #wire: Wire;
  readonly #rule: (text: string) => Treatment;
  readonly #closing: Promise<void>;
  readonly #treatments: Treatment[] = [];

  /** Resolves when both sides are closed. */
  readonly ended: Promise<void>;

  constructor(
    client: Deno.TcpConn,
    server: Deno.TcpConn,
    wire: Wire,
    rule: (text: string) => Treatment,
    closing: Promise<void>,
  ) {
    this.#client = client;
    this.#server = server;
    this.#wire = wire;
    this.#rule = rule;
    this.#closing = closing;
    this.ended = this.#run();
  }

  /** Ends both sides. */
  cut(): void {
    close(this.#client);
    close(this.#server);
  }

  async #run(): Promise<void> {
    await Promise.all([this.#clientToServer(), this.#serverToClient()]);
    this.cut();
  }

  async #clientToServer(): Promise<void> {
    for await (const bytes of chunks(this.#client)) {
      for (const piece of this.#wire.fromClient(bytes)) {
        if (piece.command !== null) {
          const treatment = this.#rule(piece.command);
          if (treatment === "cut before") return this.cut();
          this.#treatments.push(treatment);
          if (typeof treatment === "object" && "delay" in treatment) {
            await this.#wait(treatment.delay);
          }
        }
        if (!await write(this.#server, piece.bytes)) return;
      }
    }
    // The server reads to the end what was sent, and is then told that the client is gone.
    await this.#server.closeWrite().catch(() => {});
  }

  async #serverToClient(): Promise<void> {
    let held: Uint8Array[] = [];
    for await (const bytes of chunks(this.#server)) {
      let passing: Uint8Array[] = [];
      for (const piece of this.#wire.fromServer(bytes)) {
        const treatment = this.#treatments[piece.command] ?? "pass";
        if (treatment === "cut after") {
          if (piece.answers) return this.cut();
        } else if (typeof treatment === "object" && "hold" in treatment) {
          held.push(piece.bytes);
          if (!piece.answers) continue;
          await write(this.#client, joined(passing));
          await this.#wait(treatment.hold);
          passing = held;
          held = [];
        } else passing.push(piece.bytes);
      }
      // What a dead client does not take, nobody takes; the server is heard to its end.
      await write(this.#client, joined(passing));
    }
    close(this.#client);
  }

  async #wait(gate: Gate): Promise<void> {
    await Promise.race([gate.pass(), this.#closing]);
  }
}

/** What arrives, until the end or the loss of the connection. */
async function* chunks(from: Deno.TcpConn): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(65_536);
  while (true) {
    const length = await from.read(buffer).catch(() => null);
    if (length === null) return;
    yield buffer.slice(0, length);
  }
}

/** Whether all of it could be sent. */
async function write(to: Deno.TcpConn, bytes: Uint8Array): Promise<boolean> {
  try {
    for (let sent = 0; sent < bytes.length;) sent += await to.write(bytes.subarray(sent));
    return true;
  } catch {
    return false;
  }
}

function close(closable: { close(): void }): void {
  try {
    closable.close();
  } catch {
    // It is closed already.
  }
}
