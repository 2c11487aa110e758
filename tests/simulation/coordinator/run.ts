/**
 * One run of a seed: a safety phase, in which callers work while everything goes wrong that the seed
 * has drawn; a liveness phase, in which nothing goes wrong any more; then the invariants are judged.
 */

import type { SeededRandom } from "../seeded_random.ts";
import { Accidents } from "./accidents.ts";
import { call, drawPlan } from "./callers.ts";
import { comeToRest, endWorld } from "./ending.ts";
import type { Evidence } from "./evidence.ts";
import { HANG_MS } from "./faults.ts";
import { checkAll } from "./invariants/all.ts";
import { drawSwarm, MANY_OUTCOMES, type Swarm } from "./swarm.ts";
import { SwarmFaults } from "./swarm_faults.ts";
import { watchRejections } from "./unhandled.ts";
import { World } from "./world.ts";

/** Longer than any late command or lingering session of the safety phase. */
const STRAGGLERS_MS = 10_000;
/** What the first opening in peace has found is forgotten at the second one. */
const OPENINGS = 2;
/** Longer than any command that hangs. */
const HANGING_MS = HANG_MS + STRAGGLERS_MS;

/**
 * Runs a seed.
 *
 * @param random The stream of that seed.
 * @returns What was seen.
 * @throws {Error} If an invariant is broken; it tells everything that happened.
 */
export async function simulate(random: SeededRandom): Promise<Evidence> {
  const swarm = drawSwarm(random);
  const run = new Run(swarm, random);
  using _ = watchRejections((what) => run.world.evidence.surprises.push(what));
  try {
    await run.run();
    return run.world.evidence;
  } catch (error) {
    const what = error instanceof Error ? error.message : error;
    const timeline = run.world.timeline.text();
    throw new Error(`${what}\n${JSON.stringify(swarm)}\n${timeline}`, { cause: error });
  }
}

class Run {
  readonly #swarm: Swarm;
  readonly #random: SeededRandom;
  readonly #faults: SwarmFaults;
  readonly #accidents: Accidents;
  readonly world: World;

  constructor(swarm: Swarm, random: SeededRandom) {
    this.#swarm = swarm;
    this.#random = random;
    this.#faults = new SwarmFaults(swarm, random.fork());
    this.world = new World({
      servers: swarm.servers,
      faults: this.#faults,
      random: random.fork(),
      open: {
        forceBegin: swarm.forceBegin,
        sweepInterval: swarm.sweepInterval,
        prepareTimeout: swarm.prepareTimeout,
        settleTimeout: swarm.settleTimeout,
        checkTimeout: swarm.checkTimeout,
        closeTimeout: swarm.closeTimeout,
        maxConcurrentTransactions: swarm.maxConcurrentTransactions,
        keepOutcomes: swarm.keepOutcomes,
      },
    });
    this.#accidents = new Accidents(this.world, swarm, random.fork());
  }

  async run(): Promise<void> {
    const { evidence } = this.world;
    await this.#safety();
    this.world.timeline.note("faults stop");
    this.#faults.stop();
    this.#accidents.stop();
    await this.world.pass(this.#swarm.odds.hang > 0 ? HANGING_MS : STRAGGLERS_MS);
    await comeToRest(this.world);
    evidence.final = await endWorld(this.world, OPENINGS);
    const silent = this.#swarm.servers.filter(({ kind }) => kind === "mariadb");
    checkAll(evidence, {
      canProve: (name) => silent.every((server) => server.name !== name),
      keepsOutcomes: this.#swarm.keepOutcomes === MANY_OUTCOMES,
    });
  }

  async #safety(): Promise<void> {
    const { clock, servers } = this.world;
    const names = servers.map(({ name }) => name);
    this.world.start();
    this.#accidents.plan();
    for (let count = 0; count < this.#swarm.transactions; count++) {
      const plan = drawPlan(this.#random, names);
      clock.after(this.#random.below(this.#swarm.safety), () => void call(this.world, plan));
    }
    await this.world.pass(this.#swarm.safety);
  }
}
