/**
 * What can go wrong on the way, as whoever drives a run decides: a seed draws it, the exhaustive
 * test enumerates it.
 */

import type { Command } from "./command.ts";
import type { ServerError, SimulatedServer } from "./simulated_server.ts";

/** What becomes of one command. */
export type Fate =
  | "well"
  /** It never comes, and the connection is lost. */
  | "lost before"
  /** It takes effect, and the connection is lost. */
  | "lost after"
  /** The connection is lost, and it takes effect later: the server was stalled. */
  | "late"
  /** It takes effect when everybody has given up waiting. */
  | "hangs"
  /** The database answers with an error and has not done it. */
  | ServerError;

/** How a process ends that does not end by itself. */
export type Death = "kill" | "power cut";

/** Decides what goes wrong. */
export interface Faults {
  /** What becomes of a command. */
  fateOf(command: Command, server: SimulatedServer): Fate;
  /** Whether the process dies here, and how. */
  death(where: string): Death | null;
  /** Milliseconds for one way between a coordinator and a database. */
  travel(): number;
  /** Milliseconds by which a late command is late. */
  lateness(): number;
  /** Milliseconds for which a session lives on whose client is gone without a word. */
  linger(): number;
  /** Milliseconds that a sync of the disk takes. */
  syncing(): number;
  /** Whether a command arrives whose sender has died meanwhile. */
  arrives(): boolean;
}

/** Milliseconds after which nobody waits for an answer any more. */
export const HANG_MS = 40_000;
