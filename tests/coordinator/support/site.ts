/**
 * A place with databases and a disk on which whole coordinators are opened one after another, each
 * as a process of its own that can end at any moment.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Coordinator } from "../../../src/coordinator/coordinator.ts";
import type { CoordinatorEvent } from "../../../src/coordinator/events.ts";
import type { CoordinatorOptions } from "../../../src/coordinator/options.ts";
import type { ProtocolPoint } from "../../../src/coordinator/protocol_point.ts";
import { MemoryDisk } from "../../simulation/memory_disk.ts";
import { SeededRandom } from "../../simulation/seeded_random.ts";
import { FakeDatabase } from "./fake_database.ts";
import { FakeParticipant } from "./fake_participant.ts";
import { ProcessClock } from "./process_clock.ts";
import { SteppedClock } from "./stepped_clock.ts";
import { Trace } from "./trace.ts";

/** Names of the databases. */
export type Name = "north" | "south" | "west";

/** The participants of a site's coordinators. */
export type SiteParticipants = Record<Name, FakeParticipant>;

/** A coordinator of a site. */
export type SiteCoordinator = Coordinator<SiteParticipants>;

/** How a site's coordinator is opened. */
export interface OpenOptions
  extends Partial<Omit<CoordinatorOptions<SiteParticipants>, "platform">> {
  /** Databases that are not given to it. */
  readonly without?: readonly Name[];
}

const DIRECTORY = "/site/log";

/** Databases, a disk, a clock. */
export class Site {
  readonly trace = new Trace();
  readonly clock = new SteppedClock();
  readonly random: SeededRandom;
  readonly north = new FakeDatabase("north", this.trace);
  readonly south = new FakeDatabase("south", this.trace);
  readonly west = new FakeDatabase("west", this.trace);
  /** What the coordinators told. */
  readonly events: CoordinatorEvent[] = [];
  /** The points that they passed. */
  readonly points: ProtocolPoint[] = [];
  /** The participants of the latest process. */
  participants = this.#connect();
  /** The clock of the latest process. */
  processClock = new ProcessClock(this.clock);
  /** The disk of the latest process. */
  disk: MemoryDisk;

  constructor(random: SeededRandom = new SeededRandom(1)) {
    this.random = random;
    this.disk = new MemoryDisk(random.fork());
  }

  /** The databases. */
  get databases(): readonly FakeDatabase[] {
    return [this.north, this.south, this.west];
  }

  /** Rows of every database. */
  get rows(): readonly (readonly string[])[] {
    return this.databases.map(({ rows }) => rows);
  }

  /** What every database holds prepared. */
  get prepared(): string[] {
    return this.databases.flatMap(({ prepared }) => prepared);
  }

  /** Opens a coordinator, as a new process unless the last one ended well. */
  async open(options: OpenOptions = {}): Promise<SiteCoordinator> {
    return await this.clock.run(this.start(options));
  }

  /** Begins to open a coordinator. */
  start({ without = [], onProtocolPoint, ...options }: OpenOptions = {}): Promise<SiteCoordinator> {
    const { participants } = this;
    const given = Object.entries(participants)
      .filter(([name]) => !without.includes(name as Name));
    return Coordinator.open<SiteParticipants>({
      directory: DIRECTORY,
      participants: Object.fromEntries(given) as SiteParticipants,
      onEvent: (event) => void this.events.push(event),
      onProtocolPoint: (point, id) => {
        if (participants !== this.participants) return; // Its process has ended.
        this.points.push(point);
        this.trace.note(`point ${point}`);
        onProtocolPoint?.(point, id);
      },
      platform: {
        fileSystem: this.disk,
        clock: this.processClock,
        randomness: this.random,
        processId: 4711,
      },
      ...options,
    });
  }

  /**
   * The process ends at once, and with it its sessions, timers and files.
   *
   * @param disk What the next process finds: by default all that was written.
   */
  crash(disk: (disk: MemoryDisk) => MemoryDisk = (disk) => disk.kill()): void {
    for (const participant of Object.values(this.participants)) participant.end();
    this.processClock.end();
    this.disk = disk(this.disk);
    this.participants = this.#connect();
    this.processClock = new ProcessClock(this.clock);
  }

  /** Commits a transaction that writes its id into some databases; gives the id. */
  async commit(coordinator: SiteCoordinator, ...names: Name[]): Promise<string> {
    return await this.clock.run(write(coordinator, names));
  }

  /** Sees that nothing is prepared, every session is back, and none was misused. */
  assertQuiet(): void {
    for (const { name, prepared, sessions, violations } of this.databases) {
      const found = { name, prepared, sessions, violations };
      assertEquals(found, { name, prepared: [], sessions: 0, violations: [] });
    }
  }

  #connect(): SiteParticipants {
    return {
      north: new FakeParticipant(this.north),
      south: new FakeParticipant(this.south),
      west: new FakeParticipant(this.west),
    };
  }
}

/** Runs a transaction that writes its id into some databases; gives the id. */
export function write(coordinator: SiteCoordinator, names: readonly Name[]): Promise<string> {
  return coordinator.transaction(names, (clients, { id }) => {
    for (const name of names) clients[name].write(id);
    return id;
  });
}
