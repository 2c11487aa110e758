/**
 * Everything below the coordinator put together over fakes: a log, databases, a clock, and the
 * parts of `src/coordinator/` between them. Tests of one part take from it what they need.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { assemble } from "../../../src/coordinator/assembly.ts";
import type { Beginning } from "../../../src/coordinator/beginning.ts";
import type { CoordinatorEvent } from "../../../src/coordinator/events.ts";
import type { Ledger } from "../../../src/coordinator/ledger.ts";
import type { Member } from "../../../src/coordinator/member.ts";
import type { Membership } from "../../../src/coordinator/membership.ts";
import {
  completeOptions,
  type FullOptions,
  type TransactionOptions,
} from "../../../src/coordinator/options.ts";
import type { ProtocolPoint } from "../../../src/coordinator/protocol_point.ts";
import type { Resolver } from "../../../src/coordinator/resolver.ts";
import type { Operator } from "../../../src/coordinator/operator.ts";
import type { Settlement } from "../../../src/coordinator/settlement.ts";
import { Transaction } from "../../../src/coordinator/transaction.ts";
import type { FakeClient } from "./fake_branch.ts";
import { FakeDatabase } from "./fake_database.ts";
import { FakeLog } from "./fake_log.ts";
import { FakeParticipant } from "./fake_participant.ts";
import type { SharedTimers } from "../../../src/platform/shared_timers.ts";
import { SteppedClock } from "./stepped_clock.ts";
import { simulatedPlatform } from "../../simulation/simulated_platform.ts";
import type { Trace } from "./trace.ts";

/** How a workbench is set up. */
export interface WorkbenchOptions {
  /** Names of the databases. */
  readonly names?: readonly string[];
  /** A log that was there before. */
  readonly log?: FakeLog;
  /** Databases that were there before, instead of names. */
  readonly databases?: readonly FakeDatabase[];
  /** Options of the coordinator. */
  readonly options?: Partial<FullOptions>;
}

/** A transaction of the workbench. */
export type BenchTransaction = Transaction<Record<string, FakeClient>>;

/** The parts of a coordinator over fakes. */
export class Workbench {
  readonly clock = new SteppedClock();
  readonly trace: Trace;
  readonly log: FakeLog;
  readonly databases: ReadonlyMap<string, FakeDatabase>;
  readonly members: ReadonlyMap<string, Member>;
  readonly ledger: Ledger;
  readonly resolver: Resolver;
  readonly membership: Membership;
  readonly options: FullOptions;
  readonly operator: Operator;
  /** Transactions that their callers no longer wait for. */
  readonly unsettled = new Set<Settlement>();
  readonly events: CoordinatorEvent[] = [];
  readonly points: ProtocolPoint[] = [];
  readonly beginning: Beginning;
  readonly #timers: SharedTimers;

  private constructor(setup: WorkbenchOptions) {
    this.log = setup.log ?? new FakeLog();
    this.trace = this.log.trace;
    const databases = setup.databases ??
      (setup.names ?? ["north", "south"]).map((name) => new FakeDatabase(name, this.trace));
    this.databases = new Map(databases.map((one) => [one.name, one]));
    const participants = databases.map((one) => [one.name, new FakeParticipant(one)] as const);
    const { clock } = this;
    const platform = simulatedPlatform(undefined, undefined, clock);
    this.options = completeOptions({
      directory: "unused",
      participants: Object.fromEntries(participants),
      platform,
      onEvent: (event) => this.events.push(event),
      onProtocolPoint: (point) => this.#notePoint(point),
      ...setup.options,
    });
    const parts = assemble(this.options, this.log, (settlement) => this.unsettled.add(settlement));
    this.members = parts.members;
    this.ledger = parts.ledger;
    this.resolver = parts.resolver;
    this.membership = parts.membership;
    this.operator = parts.operator;
    this.beginning = parts.beginning;
    this.#timers = parts.timers;
  }

  /** Makes one, with every database checked that can be. */
  static async open(setup: WorkbenchOptions = {}): Promise<Workbench> {
    const bench = new Workbench(setup);
    for (const member of bench.members.values()) {
      await bench.clock.run(member.check(bench.log, bench.clock, 1000, []));
    }
    bench.trace.clear();
    return bench;
  }

  /** A database by its name. */
  database(name: string): FakeDatabase {
    const database = this.databases.get(name);
    if (database === undefined) throw new Error(`No database "${name}" on this workbench`);
    return database;
  }

  /** Begins a transaction in some databases, all of them unless named. */
  async begin(
    names: readonly string[] = [...this.databases.keys()],
    timeout = 60_000,
    signal?: AbortSignal,
  ): Promise<BenchTransaction> {
    const options = { timeout, ...(signal === undefined ? {} : { signal }) };
    return await this.clock.run(this.start(names, options));
  }

  /** Begins to begin a transaction; the caller lets time pass. */
  async start(
    names: readonly string[] = [...this.databases.keys()],
    options: TransactionOptions = {},
  ): Promise<BenchTransaction> {
    return new Transaction(await this.beginning.begin(names, options));
  }

  /** Begins a transaction and writes its id as a row into each database. */
  async write(names?: readonly string[], timeout?: number): Promise<BenchTransaction> {
    const transaction = await this.begin(names, timeout);
    for (const client of Object.values(transaction.clients)) client.write(transaction.id);
    return transaction;
  }

  /** How many timers are set that somebody needs. */
  get timers(): number {
    this.#timers.close();
    return this.clock.timers;
  }

  /** Rows of each database, by name. */
  rows(): Record<string, string[]> {
    return Object.fromEntries([...this.databases].map(([name, { rows }]) => [name, rows]));
  }

  /** Sees that every session is back, nothing is prepared or live, and no session was misused. */
  assertQuiet(): void {
    for (const { name, prepared, sessions, violations } of this.databases.values()) {
      assertEquals({ name, prepared, sessions, violations }, {
        name,
        prepared: [],
        sessions: 0,
        violations: [],
      });
    }
    assertEquals(this.resolver.pending, 0);
  }

  #notePoint(point: ProtocolPoint): void {
    this.points.push(point);
    this.trace.note(`point ${point}`);
  }
}
