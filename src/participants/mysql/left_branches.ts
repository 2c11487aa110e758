/**
 * Branches that this process has left prepared, and the sessions in which it did.
 *
 * MariaDB hands over a prepared branch while its session ends, and to everybody a moment before its storage engine
 * has let go of it: an XA COMMIT or XA ROLLBACK that comes in between is answered with OK, does nothing, and takes
 * the branch out of the list; it is locked then until the server is restarted. So a branch is not named as long as its
 * session is there, nor for a moment longer: the server tells nobody when the storage engine has let go.
 *
 * @module
 */

import { type Clock, sleep } from "../../platform/clock.ts";
import type { StatementRunner } from "./session.ts";
import { connectedSessions } from "./statements.ts";
import type { ServerSession } from "./token.ts";

/** Milliseconds from when a session was seen to be gone; the server needs some microseconds of them. */
export const HANDOVER_MS = 100;
/** How many branches are remembered; who leaves more has older ones settled without looking. */
export const MAX_LEFT = 10_000;

interface Left {
  readonly session: ServerSession;
  /** When the session was seen to be gone, by the clock's `elapsed`; `null` if it was not yet. */
  goneAt: number | null;
}

/** What was left prepared, by gid. */
export class LeftBranches {
  readonly #clock: Clock;
  readonly #left = new Map<string, Left>();

  /**
   * Remembers nothing yet.
   *
   * @param clock Measures how long a session is gone.
   */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#left.size;
  }

  /**
   * Remembers a branch that may be prepared, and whose session has been told to end.
   *
   * @param gid The branch.
   * @param session Its session.
   */
  add(gid: string, session: ServerSession): void {
    this.#left.set(gid, { session, goneAt: null });
    if (this.#left.size <= MAX_LEFT) return;
    const [oldest] = this.#left.keys();
    if (oldest !== undefined) this.#left.delete(oldest);
  }

  /**
   * Forgets a branch that has ended.
   *
   * @param gid The branch.
   */
  delete(gid: string): void {
    this.#left.delete(gid);
  }

  /**
   * Looks whether a branch may be named, and waits for the rest of the moment after its session has gone.
   *
   * @param runner Any session of the server.
   * @param gid The branch.
   * @returns False if its session is still there.
   */
  async waitUntilFree(runner: StatementRunner, gid: string): Promise<boolean> {
    const left = this.#left.get(gid);
    if (left === undefined) return true;
    if (left.goneAt === null) await this.#look(runner);
    if (left.goneAt === null) return false;
    const rest = left.goneAt + HANDOVER_MS - this.#clock.elapsed();
    if (rest > 0) await sleep(this.#clock, rest);
    return true;
  }

  /** For all of them at once: a lost network leaves many. */
  async #look(runner: StatementRunner): Promise<void> {
    const asked = Array.from(this.#left.values(), (left) => left);
    const isConnected = await connectedSessions(runner, asked.map(({ session }) => session));
    const now = this.#clock.elapsed();
    for (const left of asked) if (!isConnected(left.session)) left.goneAt ??= now;
  }
}
