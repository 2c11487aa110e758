/** Faults as a swarm has them, until peace begins. */

import type { SeededRandom } from "../seeded_random.ts";
import type { Command } from "./command.ts";
import type { Death, Fate, Faults } from "./faults.ts";
import type { SimulatedServer } from "./simulated_server.ts";
import type { Swarm } from "./swarm.ts";

const LATEST_MS = 6_000;
const LONGEST_LINGER_MS = 8_000;
/** Milliseconds for one way and one sync when all is well. */
const PEACEFUL_MS = 2;

/** Draws from a seed what becomes of each command. */
export class SwarmFaults implements Faults {
  readonly #swarm: Swarm;
  readonly #random: SeededRandom;
  #isPeace = false;

  constructor(swarm: Swarm, random: SeededRandom) {
    this.#swarm = swarm;
    this.#random = random;
  }

  /** From now on nothing goes wrong any more. */
  stop(): void {
    this.#isPeace = true;
  }

  fateOf(command: Command, server: SimulatedServer): Fate {
    if (this.#isPeace) return "well";
    const { before, after, late, hang, refuse } = this.#swarm.odds;
    let rest = this.#random.fraction();
    const is = (likelihood: number) => (rest -= likelihood) < 0;
    if (is(before)) return "lost before";
    if (is(after)) return "lost after";
    if (is(late)) return "late";
    if (is(hang)) return "hangs";
    if (is(refuse)) return server.refusalOf(command, this.#random) ?? "well";
    return "well";
  }

  death(_where: string): Death | null {
    if (this.#isPeace || !this.#random.chance(this.#swarm.death)) return null;
    return this.#random.chance(this.#swarm.powerCut) ? "power cut" : "kill";
  }

  travel(): number {
    return this.#random.below(this.#isPeace ? PEACEFUL_MS : this.#swarm.travel);
  }

  lateness(): number {
    return this.#random.below(LATEST_MS);
  }

  linger(): number {
    return this.#random.chance(0.5) ? 0 : this.#random.below(LONGEST_LINGER_MS);
  }

  syncing(): number {
    return this.#random.below(this.#isPeace ? PEACEFUL_MS : this.#swarm.syncing);
  }

  arrives(): boolean {
    return this.#random.chance(0.5);
  }
}
