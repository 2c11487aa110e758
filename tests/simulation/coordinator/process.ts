/**
 * One process with a coordinator in it. When it dies, its timers never run, nothing is heard of its
 * databases any more, and what its code still does, does nothing: it has a disk of its own then.
 */

import { Coordinator } from "../../../src/coordinator/coordinator.ts";
import type { CoordinatorOptions } from "../../../src/coordinator/options.ts";
import { type Clock, sleep } from "../../../src/platform/clock.ts";
import { ProcessClock } from "../../coordinator/support/process_clock.ts";
import type { MemoryDisk } from "../memory_disk.ts";
import { SIMULATED_PROCESS } from "../simulated_platform.ts";
import type { SeededRandom } from "../seeded_random.ts";
import type { Command } from "./command.ts";
import { type Evidence, idOfGid } from "./evidence.ts";
import type { Faults } from "./faults.ts";
import { Link } from "./link.ts";
import type { BranchListener } from "./simulated_branch.ts";
import { SimulatedParticipant } from "./simulated_participant.ts";
import type { SimulatedServer } from "./simulated_server.ts";
import { slowDisk } from "./slow_disk.ts";
import type { Timeline } from "./timeline.ts";

/** Where every log is. */
export const DIRECTORY = "/site/log";

/** The participants of a simulated coordinator. */
export type SimulatedParticipants = Record<string, SimulatedParticipant>;

/** A coordinator in a simulated world. */
export type SimulatedCoordinator = Coordinator<SimulatedParticipants>;

/** How a simulated coordinator is opened; the rest is the world's. */
export type OpenOptions = Partial<
  Omit<
    CoordinatorOptions<SimulatedParticipants>,
    "platform" | "participants" | "onEvent" | "onInDoubt" | "onProtocolPoint"
  >
>;

/** What a process needs of its world. */
export interface ProcessOptions {
  readonly number: number;
  readonly disk: MemoryDisk;
  readonly servers: readonly SimulatedServer[];
  /** What is reached at present by whoever looks for a database. */
  readonly reach: (server: SimulatedServer) => SimulatedServer;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly random: SeededRandom;
  readonly evidence: Evidence;
  readonly timeline: Timeline;
  readonly open: OpenOptions;
  /** The process takes a step, at which it may die. */
  readonly onStep: (process: SimulatedProcess, where: string) => void;
  /** A COMMIT PREPARED or ROLLBACK PREPARED is about to leave. */
  readonly onSettling: (process: SimulatedProcess, gid: string) => void;
}

/** One process. */
export class SimulatedProcess {
  readonly #options: ProcessOptions;
  readonly #clock: ProcessClock;
  readonly #links: Link[] = [];
  #isDead = false;
  /** Its coordinator, once it is open. */
  coordinator: SimulatedCoordinator | null = null;

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.#clock = new ProcessClock(options.clock);
  }

  /** Counts the processes of a world from 1. */
  get number(): number {
    return this.#options.number;
  }

  /** Whether it has died. */
  get isDead(): boolean {
    return this.#isDead;
  }

  /** Its disk. */
  get disk(): MemoryDisk {
    return this.#options.disk;
  }

  /** The databases that it is connected to. */
  get servers(): readonly SimulatedServer[] {
    return this.#options.servers;
  }

  /** Timers that it has set. */
  get timers(): number {
    return this.#clock.timers;
  }

  /** Sessions that were taken and not given back. */
  get sessions(): number {
    return this.#links.reduce((sum, { sessions }) => sum + sessions, 0);
  }

  /** Opens the coordinator. */
  async open(): Promise<void> {
    const { evidence, faults, number, onStep, random, timeline } = this.#options;
    const { disk } = this;
    disk.observe(({ kind, path }) => {
      if (kind !== "read") onStep(this, `${kind} of ${path}`);
    });
    const coordinator = await Coordinator.open<SimulatedParticipants>({
      directory: DIRECTORY,
      ...this.#options.open,
      participants: this.#connect(),
      onEvent: (event) => {
        if (this.#isDead) return;
        evidence.events.push({ at: this.#clock.elapsed(), process: number, event });
        timeline.note(`process ${number} tells ${describeEvent(event)}`);
      },
      onInDoubt: ({ id, decision }) => {
        if (this.#isDead) return;
        timeline.note(`process ${number} tells that ${id} is in doubt: ${decision}`);
      },
      onProtocolPoint: (point, transactionId) => {
        if (this.#isDead) return;
        const id = `${this.coordinator?.id}_${transactionId}`;
        evidence.points.push({ id, point, process: number, at: this.#clock.elapsed() });
        timeline.note(`process ${number} is at ${point} with ${id}`);
        onStep(this, `point ${point}`);
      },
      platform: {
        fileSystem: slowDisk(disk, () => sleep(this.#clock, faults.syncing())),
        clock: this.#clock,
        randomness: random,
        processId: SIMULATED_PROCESS,
      },
    });
    if (this.#isDead) return;
    this.coordinator = coordinator;
    evidence.coordinators.add(coordinator.id);
  }

  /** Dies at once. */
  die(): void {
    this.#isDead = true;
    this.coordinator = null;
    this.#clock.end();
    for (const link of this.#links) link.end();
  }

  #connect(): SimulatedParticipants {
    const { clock, evidence, faults, reach, servers } = this.#options;
    return Object.fromEntries(servers.map((server) => {
      const link = new Link({
        reach: () => reach(server),
        clock,
        faults,
        isDead: () => this.#isDead,
        onCommand: (what, command, gid) => this.#onCommand(what, command, gid, server),
      });
      this.#links.push(link);
      const listener: BranchListener = {
        misused: (what) => {
          if (!this.#isDead) evidence.misuse.push(what);
        },
        prepared: (gid) => {
          if (!this.#isDead) evidence.voted.add(gid);
        },
      };
      return [server.name, new SimulatedParticipant(link, listener)];
    }));
  }

  #onCommand(what: "send" | "hear", command: Command, gid: string, server: SimulatedServer): void {
    const { evidence, number, onSettling, onStep, timeline } = this.#options;
    const verb = what === "send" ? "sends" : "hears of";
    timeline.note(`process ${number} ${verb} ${command} ${gid} at ${server.name}`);
    if (what === "send") {
      const second = `${server.name} ${Math.floor(this.#clock.elapsed() / 1000)}`;
      evidence.load.set(second, (evidence.load.get(second) ?? 0) + 1);
    }
    onStep(this, `${what} ${command}`);
    const isSettling = command === "commit prepared" || command === "rollback prepared";
    if (what === "hear" || !isSettling || this.#isDead) return;
    evidence.settlings.push({
      at: this.#clock.elapsed(),
      process: number,
      participant: server.name,
      gid,
      id: idOfGid(gid),
      ending: command === "commit prepared" ? "commit" : "rollback",
    });
    onSettling(this, gid);
  }
}

function describeEvent(event: { readonly type: string }): string {
  const { type, ...details } = event as { type: string; error?: unknown };
  const error = details.error instanceof Error ? ` (${details.error.message})` : "";
  delete details.error;
  return `${type} ${JSON.stringify(details)}${error}`;
}
