/**
 * What goes wrong while transactions run, drawn from a seed.
 *
 * @module
 */

import type { SeededRandom } from "../../simulation/seeded_random.ts";
import type { StopMode } from "../cluster.ts";
import type { Proxy } from "../proxy/proxy.ts";
import { Gate } from "../proxy/gate.ts";
import { NthCommand } from "../proxy/rules.ts";
import type { Name } from "../two_databases.ts";
import type { TortureServer } from "./databases.ts";

/** What faults are done to. */
export interface Victims {
  readonly servers: Readonly<Record<Name, TortureServer>>;
  readonly proxies: Readonly<Record<Name, Proxy>>;
  /** Kills the coordinator's process and starts the next one. */
  restartWorker(): Promise<void>;
  /** Lets the coordinator's process stand still for some time. */
  pauseWorker(milliseconds: number): Promise<void>;
  /** What is held back at present, each until its time is up; what held it may be gone before. */
  readonly delays: Set<Promise<void>>;
}

/** One fault: its name, and what it does; it returns when everything is there again. */
export interface Fault {
  readonly name: string;
  readonly strike: (victims: Victims) => Promise<void>;
}

/** Commands of either kind of server that are struck, and how far ahead at most: those that matter most, and any. */
const COMMANDS: readonly (readonly [RegExp, number])[] = [
  [/PREPARE TRANSACTION|^XA PREPARE/, 10],
  [/^COMMIT PREPARED|^XA COMMIT/, 10],
  [/^ROLLBACK PREPARED|^XA ROLLBACK/, 2],
  [/pg_prepared_xacts|^XA RECOVER/, 2],
  [/^/, 60],
];

/** How many openings in turn are killed. */
const OPENINGS = 4;

type Make = (random: SeededRandom, name: Name) => Fault;

function pick<T>(random: SeededRandom, all: readonly T[]): T {
  return all[random.below(all.length)]!;
}

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

const cut: Make = (random, name) => {
  const way = pick(random, ["cut before", "cut after"] as const);
  const [pattern, most] = pick(random, COMMANDS);
  const nth = 1 + random.below(most);
  return {
    name: `${way} command ${nth} of ${pattern} to ${name}`,
    strike({ proxies }) {
      proxies[name].rule = new NthCommand(nth, way, pattern).rule;
      return Promise.resolve();
    },
  };
};

const late: Make = (random, name) => {
  const [pattern, most] = pick(random, COMMANDS);
  const held = random.chance(0.5) ? "hold" : "delay";
  const nth = 1 + random.below(most);
  const milliseconds = 100 + random.below(3000);
  return {
    name: `${held} command ${nth} of ${pattern} to ${name} for ${milliseconds} ms`,
    strike({ proxies, delays }) {
      const gate = new Gate();
      void gate.reached.then(async () => {
        const over = delay(milliseconds);
        delays.add(over);
        await over;
        delays.delete(over);
        gate.open();
      });
      const treatment = held === "hold" ? { hold: gate } : { delay: gate };
      proxies[name].rule = new NthCommand(nth, treatment, pattern).rule;
      return Promise.resolve();
    },
  };
};

const cutAll: Make = (_, name) => ({
  name: `cut all connections to ${name}`,
  strike({ proxies }) {
    proxies[name].cutAll();
    return Promise.resolve();
  },
});

const killServer: Make = (_, name) => ({
  name: `kill ${name}`,
  async strike({ servers }) {
    await servers[name].kill();
    await servers[name].start();
  },
});

const restartServer: Make = (random, name) => {
  const mode: StopMode = pick(random, ["fast", "immediate"]);
  return {
    name: `restart ${name}, ${mode}`,
    strike: ({ servers }) => servers[name].restart(mode),
  };
};

const killBoth: Make = () => ({
  name: "kill both servers and the coordinator",
  async strike({ servers, restartWorker }) {
    const all = Object.values(servers);
    await Promise.all([...all.map((server) => server.kill()), restartWorker()]);
    await Promise.all(all.map((server) => server.start()));
  },
});

const killWorker: Make = () => ({
  name: "kill the coordinator",
  strike: ({ restartWorker }) => restartWorker(),
});

const killOpening: Make = (random) => {
  const waits = Array.from({ length: OPENINGS }, () => random.below(500));
  return {
    name: `kill the coordinator, then in its openings after ${waits.join(", ")} ms`,
    async strike({ restartWorker }) {
      await restartWorker();
      for (const milliseconds of waits) {
        await delay(milliseconds);
        await restartWorker();
      }
    },
  };
};

const outage: Make = (random, name) => {
  const milliseconds = random.below(6000);
  const kills = random.chance(0.5);
  return {
    name: `kill ${name} for ${milliseconds} ms${kills ? ", and the coordinator meanwhile" : ""}`,
    async strike({ servers, restartWorker }) {
      await servers[name].kill();
      await delay(milliseconds / 2);
      if (kills) await restartWorker();
      await delay(milliseconds / 2);
      await servers[name].start();
    },
  };
};

/** Longer than any of the coordinator's timeouts, or shorter; perhaps a server goes meanwhile. */
const pause: Make = (random, name) => {
  const milliseconds = random.below(5000);
  const kills = random.chance(0.5);
  return {
    name: `pause the coordinator for ${milliseconds} ms${
      kills ? `, and kill ${name} meanwhile` : ""
    }`,
    async strike({ servers, pauseWorker }) {
      const paused = pauseWorker(milliseconds);
      if (kills) {
        await servers[name].kill();
        await servers[name].start();
      }
      await paused;
    },
  };
};

/** Faults by how often they come. */
const FAULTS: readonly (readonly [number, Make])[] = [
  [8, cut],
  [5, late],
  [2, cutAll],
  [5, killWorker],
  [2, killServer],
  [1, restartServer],
  [1, killBoth],
  [1, killOpening],
  [1, outage],
  [2, pause],
];

/** Draws a fault. */
export function drawFault(random: SeededRandom): Fault {
  const name: Name = random.chance(0.5) ? "orders" : "billing";
  let left = random.below(FAULTS.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, make] of FAULTS) {
    if (left < weight) return make(random, name);
    left -= weight;
  }
  throw new RangeError("Cannot draw a fault: the weights do not add up");
}
