/**
 * Every way in which one transaction over two databases can go: each answer of each database to each
 * command of the protocol, crossed with the end of the process, in both ways, at each step that it
 * takes. Nothing is drawn.
 */

import { SeededRandom } from "../seeded_random.ts";
import { call, type CallPlan } from "./callers.ts";
import { Choices } from "./choices.ts";
import type { Command } from "./command.ts";
import { comeToRest, endWorld } from "./ending.ts";
import type { Death, Fate, Faults } from "./faults.ts";
import { checkAll } from "./invariants/all.ts";
import { MariadbError } from "./simulated_mariadb.ts";
import { ServerError, type SimulatedServer } from "./simulated_server.ts";
import type { ServerKind } from "./swarm.ts";
import { watchRejections } from "./unhandled.ts";
import { World } from "./world.ts";

const NAMES = ["north", "south"] as const;
const PLAN: CallPlan = {
  names: NAMES,
  writes: NAMES,
  row: 0,
  thinking: [],
  ending: "return",
  isManual: false,
  timeout: 10_000,
  abortAfter: null,
  late: [],
  retry: 0,
};

/** Milliseconds in which everything has happened that the choices have caused. */
const SAFETY_MS = 3_000;
const LATE_MS = 300;

/** What was walked through. */
export interface Walk {
  /** How many different runs there were. */
  readonly runs: number;
  /** In how many of them the process died. */
  readonly deaths: number;
}

/**
 * Walks through all of them.
 *
 * @param kinds The databases.
 * @param forceBegin Whether a Begin is synced before the first PREPARE.
 * @throws {Error} If an invariant is broken.
 */
export async function walkThrough(
  kinds: readonly [ServerKind, ServerKind],
  forceBegin: boolean,
): Promise<Walk> {
  const choices = new Choices();
  let runs = 0;
  let deaths = 0;
  for (; choices.next(); runs++) {
    const faults = new ChosenFaults(choices);
    await run(kinds, forceBegin, faults, choices);
    if (faults.hasDied) deaths++;
  }
  return { runs, deaths };
}

async function run(
  kinds: readonly [ServerKind, ServerKind],
  forceBegin: boolean,
  faults: ChosenFaults,
  choices: Choices,
): Promise<void> {
  const world = new World({
    servers: NAMES.map((name, index) => ({ name, kind: kinds[index] as ServerKind })),
    faults,
    random: new SeededRandom(1),
    open: { forceBegin, prepareTimeout: 100, settleTimeout: 100, sweepInterval: 4_000 },
  });
  using _ = watchRejections((what) => world.evidence.surprises.push(what));
  try {
    world.start();
    await world.pass(100);
    faults.begin();
    void call(world, PLAN);
    await world.pass(SAFETY_MS);
    faults.stop();
    await comeToRest(world);
    world.evidence.final = await endWorld(world, 0);
    checkAll(world.evidence, {
      canProve: (name) => kinds[NAMES.indexOf(name as "north")] !== "mariadb",
      keepsOutcomes: true,
    });
  } catch (error) {
    throw new Error(`choices ${choices.path}: ${error}\n${world.timeline.text()}`, {
      cause: error,
    });
  }
}

/** What can become of PREPARE. */
function votes(server: SimulatedServer): Fate[] {
  const refusals = server.kind === "postgresql"
    ? [new ServerError("40001", "a conflict"), new ServerError("23503", "a violation")]
    : [new MariadbError(1213, "a deadlock"), new MariadbError(1399, "not in this state")];
  return ["well", "lost before", "lost after", "late", ...refusals];
}

/** What can become of COMMIT PREPARED and ROLLBACK PREPARED. */
function settlings(server: SimulatedServer): Fate[] {
  const refusal = server.kind === "postgresql"
    ? new ServerError("55000", "busy")
    : new MariadbError(1399, "not in this state");
  return ["well", "lost before", "lost after", "late", refusal];
}

class ChosenFaults implements Faults {
  readonly #choices: Choices;
  readonly #asked = new Set<string>();
  #isActive = false;
  hasDied = false;

  constructor(choices: Choices) {
    this.#choices = choices;
  }

  begin(): void {
    this.#isActive = true;
  }

  stop(): void {
    this.#isActive = false;
  }

  /** The first command of each kind to each database has a choice, while the first process lives. */
  fateOf(command: Command, server: SimulatedServer): Fate {
    const isVote = command === "prepare";
    const isSettling = command === "commit prepared" || command === "rollback prepared";
    const once = `${command} ${server.name}`;
    if (!this.#isActive || this.hasDied || this.#asked.has(once)) return "well";
    this.#asked.add(once);
    if (isVote) return this.#choices.pick(votes(server));
    return isSettling ? this.#choices.pick(settlings(server)) : "well";
  }

  death(_where: string): Death | null {
    if (!this.#isActive || this.hasDied) return null;
    const death = this.#choices.pick([null, "kill", "power cut"] as const);
    this.hasDied = death !== null;
    return death;
  }

  arrives(): boolean {
    return this.#choices.below(2) === 1;
  }

  travel(): number {
    return 1;
  }

  lateness(): number {
    return LATE_MS;
  }

  linger(): number {
    return 0;
  }

  syncing(): number {
    return 1;
  }
}
