/**
 * What lies between one process and one database. A command takes time to come, time to be
 * answered, and meets what the run has in store for it; commands of one session run one after
 * another. When the process dies nothing is heard of its commands any more, but those on their way
 * may still arrive.
 */

import { type Clock, sleep } from "../../../src/platform/clock.ts";
import type { Command } from "./command.ts";
import { type Fate, type Faults, HANG_MS } from "./faults.ts";
import {
  ConnectionLost,
  ServerError,
  type ServerSession,
  type SimulatedServer,
} from "./simulated_server.ts";

/** What a link needs of its process and its world. */
export interface LinkOptions {
  /** The database that is reached at present. */
  readonly reach: () => SimulatedServer;
  /** The world's clock: what is on its way does not stop when the process does. */
  readonly clock: Clock;
  readonly faults: Faults;
  /** Whether the process has died. */
  readonly isDead: () => boolean;
  /** The process is about to send a command, or has just got its answer: it may die here. */
  readonly onCommand: (what: "send" | "hear", command: Command, gid: string) => void;
}

/** One process's connection to one database. */
export class Link {
  readonly #options: LinkOptions;
  readonly #sessions = new Set<ServerSession>();

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** The database that is reached at present. */
  get server(): SimulatedServer {
    return this.#options.reach();
  }

  /** Sessions that are in use. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /**
   * Sends a command.
   *
   * @param effect What the database does, and what it answers or throws.
   * @param gid What it is about, for the records.
   */
  async send<T>(
    command: Command,
    session: ServerSession | null,
    gid: string,
    effect: (server: SimulatedServer) => T | Promise<T>,
  ): Promise<T> {
    const { isDead, onCommand } = this.#options;
    if (isDead()) return await never();
    onCommand("send", command, gid);
    if (isDead()) return await never();
    if (session?.lost) throw new ConnectionLost();
    const answer = Promise.withResolvers<T>();
    void this.#carry(command, session, gid, effect, answer);
    return await answer.promise;
  }

  /** Takes a session of the database. */
  async connect(): Promise<ServerSession> {
    const session = await this.send("acquire", null, "", (server) => server.connect());
    this.#sessions.add(session);
    return session;
  }

  /** Gives a session back: it ends when it has done what was sent. */
  release(session: ServerSession): void {
    this.#sessions.delete(session);
    session.server.disconnect(session);
  }

  /** The process has died: the database notices that sooner or later. */
  end(): void {
    const { clock, faults } = this.#options;
    for (const session of this.#sessions) {
      clock.after(faults.linger(), () => session.server.disconnect(session));
    }
    this.#sessions.clear();
  }

  async #carry<T>(
    command: Command,
    session: ServerSession | null,
    gid: string,
    effect: (server: SimulatedServer) => T | Promise<T>,
    answer: PromiseWithResolvers<T>,
  ): Promise<void> {
    const { clock, faults, isDead, onCommand } = this.#options;
    await sleep(clock, faults.travel());
    if (isDead() && !faults.arrives()) return;
    const server = session?.server ?? this.server;
    const fate = faults.fateOf(command, server);
    if (!server.reachable) return this.#lose(session, answer);
    if (fate === "lost before") return this.#lose(session, answer);
    if (fate === "hangs") await sleep(clock, HANG_MS);
    if (fate === "late") {
      this.#lose(session, answer, false);
      await this.#runLate(server, session, effect);
      return;
    }
    const outcome = await this.#run(server, session, effect, fate);
    if (fate === "lost after") return this.#lose(session, answer);
    await sleep(clock, faults.travel());
    if (isDead()) return;
    if (!server.reachable || session?.ended) return this.#lose(session, answer);
    onCommand("hear", command, gid);
    if (isDead()) return;
    if ("error" in outcome) answer.reject(outcome.error);
    else answer.resolve(outcome.value);
  }

  async #run<T>(
    server: SimulatedServer,
    session: ServerSession | null,
    effect: (server: SimulatedServer) => T | Promise<T>,
    fate: Fate,
  ): Promise<{ value: T } | { error: unknown }> {
    const run = async () => {
      if (!server.reachable || session?.ended) throw new ConnectionLost();
      if (!(fate instanceof ServerError)) return await effect(server);
      if (session !== null) session.failed = true;
      if (fate.severity === "FATAL" && session !== null) server.kill(session);
      throw fate;
    };
    try {
      return { value: await (session === null ? run() : session.queue(run)) };
    } catch (error) {
      return { error };
    }
  }

  async #runLate<T>(
    server: SimulatedServer,
    session: ServerSession | null,
    effect: (server: SimulatedServer) => T | Promise<T>,
  ): Promise<void> {
    const { clock, faults } = this.#options;
    const run = async () => {
      await sleep(clock, faults.lateness());
      await this.#run(server, null, () => session?.ended ? undefined : effect(server), "well");
    };
    if (session === null) return await run();
    await session.queue(run);
    server.disconnect(session);
  }

  #lose<T>(
    session: ServerSession | null,
    answer: PromiseWithResolvers<T>,
    disconnects: boolean = true,
  ): void {
    const { clock, faults, isDead } = this.#options;
    if (session !== null) {
      session.lost = true;
      if (disconnects) clock.after(faults.linger(), () => session.server.disconnect(session));
    }
    if (!isDead()) answer.reject(new ConnectionLost());
  }
}

function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}
