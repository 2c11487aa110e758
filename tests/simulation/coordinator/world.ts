/**
 * A world: databases, a disk, a clock, and one process after another with a coordinator in it, which
 * a supervisor starts again whenever it has ended.
 */

import type { Clock } from "../../../src/platform/clock.ts";
import { MemoryDisk } from "../memory_disk.ts";
import type { SeededRandom } from "../seeded_random.ts";
import { type Attempt, Evidence, idOfGid } from "./evidence.ts";
import type { Death, Faults } from "./faults.ts";
import { LogProbes } from "./log_probes.ts";
import {
  DIRECTORY,
  type OpenOptions,
  type SimulatedCoordinator,
  SimulatedProcess,
} from "./process.ts";
import { SimulatedMariadb } from "./simulated_mariadb.ts";
import { SimulatedPostgresql } from "./simulated_postgresql.ts";
import type { ServerListener, SimulatedServer } from "./simulated_server.ts";
import type { ServerKind } from "./swarm.ts";
import { Timeline } from "./timeline.ts";
import { VirtualClock } from "./virtual_clock.ts";

/** Milliseconds after which a process that has ended is started again, at most. */
const RESTART_MS = 400;

/** How a world is made. */
export interface WorldOptions {
  readonly servers: readonly { readonly name: string; readonly kind: ServerKind }[];
  readonly faults: Faults;
  readonly random: SeededRandom;
  readonly open: OpenOptions;
}

/** Everything that a run plays in. */
export class World {
  readonly #options: WorldOptions;
  readonly #probes: LogProbes;
  readonly #probed = new Set<string>();
  #processes = 0;

  readonly clock = new VirtualClock();
  readonly timeline: Timeline = new Timeline(() => this.clock.elapsed());
  readonly evidence = new Evidence();
  readonly servers: readonly SimulatedServer[];
  /** The disk as the present process has it, or the next one will. */
  disk: MemoryDisk;
  /** The present process; dead or not yet open at times. */
  process: SimulatedProcess | null = null;
  /** Databases that are reached in the place of others at present. */
  readonly standIns = new Map<SimulatedServer, SimulatedServer>();
  /** Puts another database in the place of one, for the next process only. */
  route: (server: SimulatedServer) => SimulatedServer = (server) => server;
  /** Does something to the disk between a crash and the next start. */
  damage: (disk: MemoryDisk) => Promise<void> = () => Promise.resolve();

  constructor(options: WorldOptions) {
    this.#options = options;
    this.disk = new MemoryDisk(options.random.fork());
    this.#probes = new LogProbes(DIRECTORY, options.random.fork());
    this.servers = options.servers.map(({ name, kind }) => this.makeServer(name, kind, name));
    for (const server of this.servers) {
      const foreign = [`indoubt_another_5_0`, `${server.name}'s own`, "pg_gid_16396_740"];
      for (const gid of foreign) server.prepareByHand(gid);
      this.evidence.foreign.set(server.name, foreign);
    }
  }

  /** The coordinator of the present process, if it is open. */
  get coordinator(): SimulatedCoordinator | null {
    return this.process?.coordinator ?? null;
  }

  /** A database with that name. */
  makeServer(name: string, kind: ServerKind, cluster: string): SimulatedServer {
    const listener: ServerListener = {
      begun: (server, id) => {
        if (cluster !== server) this.evidence.astray.add(`${server} ${id}`);
      },
      ended: (server, id, ending) => {
        this.timeline.note(`${server} ends ${id}: ${ending}`);
        this.evidence.ended.set(`${server} ${id}`, this.clock.elapsed());
      },
    };
    const identity = `${kind}:${cluster}/1`;
    return kind === "postgresql"
      ? new SimulatedPostgresql(name, identity, listener)
      : new SimulatedMariadb(name, identity, listener, kind === "mariadb with proof");
  }

  /** Starts a process, and another one whenever that could not open. */
  start(): void {
    const { faults, open, random } = this.#options;
    const number = ++this.#processes;
    this.probe(number === 1 ? "" : "a process starts", "kill");
    const process = new SimulatedProcess({
      number,
      disk: this.disk,
      servers: this.servers.map(this.route),
      reach: (server) => this.standIns.get(server) ?? server,
      clock: this.clock as Clock,
      faults,
      random: random.fork(),
      evidence: this.evidence,
      timeline: this.timeline,
      open,
      onStep: (one, where) => this.#step(one, where),
      onSettling: (one, gid) => this.#watchSettling(one, gid),
    });
    this.process = process;
    this.timeline.note(`process ${number} starts`);
    process.open().then(
      () => this.timeline.note(`process ${number} is open`),
      (error) => {
        if (process.isDead) return;
        this.timeline.note(`process ${number} could not open: ${describe(error)}`);
        this.crash("kill");
      },
    );
  }

  /** The present process dies, and another one is started a little later. */
  crash(death: Death): void {
    const { process } = this;
    if (process === null || process.isDead) return;
    this.timeline.note(`process ${process.number} dies: ${death}`);
    process.die();
    const { random } = this.#options;
    this.disk = death === "kill" ? process.disk.kill() : process.disk.crash(random);
    this.clock.after(random.below(RESTART_MS), () => {
      void this.damage(this.disk).then(() => this.start());
    });
  }

  /** The present process is closed in an orderly way, and another one is started. */
  async restart(): Promise<void> {
    const { process } = this;
    const coordinator = process?.coordinator;
    if (process === null || coordinator === null || coordinator === undefined) return;
    this.timeline.note(`process ${process.number} is closed`);
    try {
      await coordinator.close();
    } catch (error) {
      this.timeline.note(`process ${process.number} could not be closed: ${describe(error)}`);
    }
    if (!process.isDead) this.crash("kill");
  }

  /** Lets time pass. */
  async pass(milliseconds: number): Promise<void> {
    await this.clock.pass(milliseconds, () => this.#readProbes());
    await this.#readProbes();
  }

  /** What the databases hold prepared for coordinators of this world's log. */
  preparedOf(server: SimulatedServer): string[] {
    const foreign = this.evidence.foreign.get(server.name) ?? [];
    return [...server.prepared.keys()].filter((gid) => !foreign.includes(gid));
  }

  /** Looks what the log holds now, and what it must hold. */
  probe(why: string, after: "kill" | "power cut"): void {
    if (why === "") return;
    const required = this.#requiredDecisions();
    this.#probes.take(this.disk, { at: this.clock.elapsed(), why, after, required });
  }

  async #readProbes(): Promise<void> {
    this.evidence.probes.push(...await this.#probes.read());
  }

  /** Decided, and prepared somewhere still. */
  #requiredDecisions(): string[] {
    const { attempts, damages } = this.evidence;
    const prepared = new Set(
      this.servers.flatMap((server) => this.preparedOf(server).map(idOfGid)),
    );
    const decided = this.evidence.decidedIds();
    return attempts.filter((attempt) =>
      decided.has(attempt.id) && prepared.has(attempt.id) && !this.#isOutOfReach(attempt) &&
      !damages.some(({ process }) => attempt.process <= process)
    ).map(({ id }) => id);
  }

  #isOutOfReach(attempt: Attempt): boolean {
    return attempt.names.some((name) => this.evidence.isRestored(name, attempt));
  }

  #step(process: SimulatedProcess, where: string): void {
    if (process.isDead || process !== this.process) return;
    if (where.startsWith("remove") && where.endsWith(".wal")) {
      this.probe("a segment is removed", "kill");
      this.probe("a segment is removed", "power cut");
    }
    const death = this.#options.faults.death(where);
    if (death === null) return;
    this.timeline.note(`process ${process.number} is to die at ${where}`);
    this.crash(death);
  }

  #watchSettling(process: SimulatedProcess, gid: string): void {
    const last = this.evidence.settlings.at(-1);
    const once = `${process.number} ${idOfGid(gid)}`;
    if (last?.ending !== "commit" || this.#probed.has(once)) return;
    if (this.evidence.isOrdered(last)) return;
    this.#probed.add(once);
    this.#probes.take(this.disk, {
      at: this.clock.elapsed(),
      why: "COMMIT PREPARED leaves",
      after: "power cut",
      required: this.evidence.damages.length > 0 ? [] : [idOfGid(gid)],
    });
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
