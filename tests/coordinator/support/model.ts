/**
 * One randomized run: clients that begin transactions, databases that fail and go away, a disk that
 * fails, a process that dies at any point of the protocol, at any call of its disk and at any time,
 * and another that takes its place. All that each client wrote and heard is kept, for the
 * invariants.
 *
 * @module
 */

import {
  HeuristicOutcomeError,
  OutcomeUnknownError,
  TransactionAbortedError,
} from "../../../src/coordinator/errors.ts";
import type { TransactionOptions } from "../../../src/coordinator/options.ts";
import type { SeededRandom } from "../../simulation/seeded_random.ts";
import { type FakeDatabase, SqlError } from "./fake_database.ts";
import { disturb, drawMixture, leaveInPeace, type Mixture } from "./random_faults.ts";
import { type Name, type OpenOptions, Site, type SiteCoordinator } from "./site.ts";

/** What a client heard of its transaction; `nothing` if the process died first. */
export type Heard = "committed" | "aborted" | "unknown" | "heuristic" | "nothing";

/** One transaction, as its client saw it. */
export interface Attempt {
  readonly id: string;
  readonly wrote: readonly Name[];
  heard: Heard;
}

const NAMES: readonly Name[] = ["north", "south", "west"];
const TRANSACTIONS = 16;
const SAFETY_MS = 8_000;
const LIVENESS_MS = 150_000;
const RETRY_MS = 500;

/** Thrown by clients that change their mind. */
class ChangeOfMind extends Error {
  override readonly name = "ChangeOfMind";
}

/** One run. */
export class Model {
  readonly #random: SeededRandom;
  readonly #mixture: Mixture;
  readonly #options: OpenOptions;
  readonly #crashes: number;
  #coordinator: SiteCoordinator | null = null;
  #peace = false;

  readonly site: Site;
  /** Every transaction that has begun. */
  readonly attempts: Attempt[] = [];
  /** Branches that a person ended. */
  readonly meddled = new Set<string>();
  /** Prepared transactions of somebody else. */
  readonly foreign: readonly string[];

  constructor(random: SeededRandom) {
    this.#random = random;
    this.site = new Site(random.fork());
    this.#mixture = drawMixture(random);
    this.#crashes = random.chance(0.7) ? random.fraction() * 0.2 : 0;
    this.#options = {
      forceBegin: random.chance(0.3),
      sweepInterval: 1_000 + random.below(20_000),
      prepareTimeout: 1 + random.below(3_000),
      settleTimeout: 1 + random.below(3_000),
      checkTimeout: 1 + random.below(1_000),
      closeTimeout: 1 + random.below(5_000),
      onProtocolPoint: () => this.#maybeCrash(this.#crashes),
    };
    this.foreign = this.site.databases.map(({ name }) => `indoubt_${name}another_5_0`);
    for (const [index, gid] of this.foreign.entries()) {
      this.site.databases[index]!.prepareByHand(gid, gid);
    }
  }

  /**
   * Faults and crashes while transactions run; then none any more, until everything has had its
   * time.
   */
  async run(): Promise<SiteCoordinator> {
    const { clock, databases } = this.site;
    for (const database of databases) {
      disturb(this.site, database, this.#mixture, () => this.#meddle(database));
    }
    this.#watchDisk();
    this.#open();
    for (let count = 0; count < TRANSACTIONS; count++) {
      clock.after(this.#random.below(SAFETY_MS), () => void this.#transact());
    }
    for (let count = this.#random.below(6); count > 0; count--) {
      clock.after(this.#random.below(SAFETY_MS), () => this.#disrupt());
    }
    await clock.pass(SAFETY_MS);
    this.#peace = true;
    for (const database of databases) {
      leaveInPeace(database);
      database.reconnect();
    }
    this.site.disk.mend();
    await clock.pass(LIVENESS_MS);
    if (this.#coordinator === null) throw new Error("no coordinator could be opened");
    return this.#coordinator;
  }

  /** Opens a coordinator without any fault. */
  async reopen(): Promise<SiteCoordinator> {
    return await this.site.open({ sweepInterval: 1000 });
  }

  #open(): void {
    const { participants } = this.site;
    const isThisProcess = () => participants === this.site.participants;
    this.site.start(this.#options).then((coordinator) => {
      if (isThisProcess()) this.#coordinator = coordinator;
    }, () => {
      // As a supervisor does: a process that could not start is started again.
      this.site.clock.after(RETRY_MS, () => {
        if (isThisProcess()) this.#crash();
      });
    });
  }

  #maybeCrash(likelihood: number): void {
    if (!this.#peace && this.#random.chance(likelihood)) this.#crash();
  }

  #crash(): void {
    const powerCut = this.#random.chance(0.3);
    this.site.crash((disk) => powerCut ? disk.crash(this.#random) : disk.kill());
    this.#coordinator = null;
    this.#watchDisk();
    this.site.clock.after(this.#random.below(RETRY_MS), () => this.#open());
  }

  #watchDisk(): void {
    const { disk } = this.site;
    disk.observe(({ kind }) => {
      if (disk === this.site.disk && kind !== "read") this.#maybeCrash(this.#crashes / 10);
    });
  }

  /** A person ends a branch that is prepared. */
  #meddle(database: FakeDatabase): void {
    const gid = database.prepared.find((gid) => !this.foreign.includes(gid));
    if (gid === undefined) return;
    this.meddled.add(gid);
    database.endByHand(gid, this.#random.pick(["committed", "aborted"]));
  }

  /** A database goes away or comes back, the disk fails or is mended. */
  #disrupt(): void {
    const { databases, disk } = this.site;
    const database = this.#random.pick(databases);
    if (this.#random.chance(0.5)) {
      if (database.reachable) database.disconnect();
      else database.reconnect();
    }
    if (this.#random.chance(0.3)) {
      const kind = this.#random.pick(["syncData", "write"] as const);
      disk.fail({
        kind,
        skip: this.#random.below(3),
        times: this.#random.chance(0.3) ? Infinity : 1,
      });
      this.site.clock.after(this.#random.below(3_000), () => disk.mend());
    }
  }

  async #transact(): Promise<void> {
    const coordinator = this.#coordinator;
    if (coordinator === null) return;
    const { participants } = this.site;
    const names = this.#random.shuffle(NAMES).slice(0, 1 + this.#random.below(NAMES.length));
    const wrote = names.filter(() => this.#random.chance(0.85));
    const ending = this.#random.pick([
      "return",
      "return",
      "return",
      "throw",
      "roll back",
      "commit",
    ]);
    let attempt: Attempt | null = null;
    const heard = await coordinator.transaction(names, async (clients, transaction) => {
      attempt = { id: transaction.id, wrote, heard: "nothing" };
      this.attempts.push(attempt);
      for (const name of wrote) clients[name].write(transaction.id);
      if (ending === "throw") throw new ChangeOfMind();
      // What a lost session could not roll back its database does.
      if (ending === "roll back") await transaction.rollback().catch(() => {});
      if (ending === "commit") await transaction.commit();
    }, this.#drawOptions()).then(
      (): Heard => ending === "roll back" ? "aborted" : "committed",
      heardOf,
    );
    const made = attempt as Attempt | null; // Set by the function, which the compiler does not see.
    if (made !== null && participants === this.site.participants) made.heard = heard;
  }

  #drawOptions(): TransactionOptions {
    const timeout = 1 + this.#random.below(this.#random.chance(0.3) ? 300 : 20_000);
    if (this.#random.chance(0.8)) return { timeout };
    const controller = new AbortController();
    this.site.clock.after(this.#random.below(500), () => controller.abort());
    return { timeout, signal: controller.signal };
  }
}

function heardOf(error: unknown): Heard {
  if (error instanceof OutcomeUnknownError) return "unknown";
  if (error instanceof HeuristicOutcomeError) return "heuristic";
  // The function's own errors: it changed its mind, or its session was lost.
  const isItsOwn = error instanceof ChangeOfMind || error instanceof SqlError;
  if (isItsOwn || error instanceof TransactionAbortedError) return "aborted";
  throw error;
}
