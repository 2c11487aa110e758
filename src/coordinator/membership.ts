/**
 * Keeps the participants checked and swept: at opening, again when one comes back, and from time to time.
 * One that cannot be reached is tried with back-off and holds up no other.
 *
 * @module
 */

import { sleep, within } from "../platform/clock.ts";
import { backoffDelay } from "./backoff.ts";
import type { DecisionLog } from "./decision_log.ts";
import { ParticipantUnavailableError } from "./errors.ts";
import { gidPrefix } from "./gid.ts";
import type { Ledger } from "./ledger.ts";
import type { Member } from "./member.ts";
import type { FullOptions } from "./options.ts";
import type { Resolver } from "./resolver.ts";
import type { Settlement } from "./settlement.ts";
import { findOrphans, type OrphanedBranch } from "./sweep.ts";

/** How long a participant rests that needs a person before it can be used. */
const REFUSED_DELAY_MS = 60_000;

const LATE = Symbol("late");

/** A branch found by a sweep, and when it has been tried once. */
export interface SweptBranch {
  /** Its settling. */
  readonly settlement: Settlement;
  /** Resolves when it has been tried once. */
  readonly tried: Promise<void>;
}

/** Checks and sweeps the participants of one coordinator. */
export class Membership {
  readonly #members: ReadonlyMap<string, Member>;
  readonly #log: DecisionLog;
  readonly #ledger: Ledger;
  readonly #resolver: Resolver;
  readonly #options: FullOptions;
  readonly #closing = new AbortController();
  /** Members whose first sweep failed: they are swept again soon, not after the usual time. */
  readonly #unswept = new Set<Member>();
  #loops: Promise<void>[] = [];

  /**
   * Begins with nothing checked.
   *
   * @param members The participants by name.
   * @param log Remembers who they are.
   * @param ledger Knows which transactions there are.
   * @param resolver Rolls back what a sweep finds.
   * @param options Times and the listener.
   */
  constructor(
    members: ReadonlyMap<string, Member>,
    log: DecisionLog,
    ledger: Ledger,
    resolver: Resolver,
    options: FullOptions,
  ) {
    this.#members = members;
    this.#log = log;
    this.#ledger = ledger;
    this.#resolver = resolver;
    this.#options = options;
  }

  /**
   * Checks every participant once, all at the same time.
   *
   * @throws {ParticipantConfigurationError} If one is reached but must be changed first.
   * @throws {ParticipantIdentityError} If one is another database than the log remembers.
   * @throws {ParticipantUnavailableError} If one cannot be reached and all are required.
   */
  async checkAll(): Promise<void> {
    const errors = await Promise.all([...this.#members.values()].map((one) => this.#check(one)));
    const fatal = errors.find((error) =>
      error !== null &&
      (this.#options.requireAll || !(error instanceof ParticipantUnavailableError))
    );
    if (fatal !== undefined) throw fatal;
  }

  /**
   * Sweeps every participant that can be used, all at the same time.
   *
   * @returns The branches found.
   */
  async sweepAll(): Promise<SweptBranch[]> {
    const ready = [...this.#members.values()].filter(({ error }) => error === null);
    const swept = await Promise.all(ready.map((member) =>
      this.#sweep(member).catch(() => {
        this.#unswept.add(member);
        return [];
      })
    ));
    return swept.flat();
  }

  /** Goes on checking and sweeping until closed. */
  start(): void {
    this.#loops = [...this.#members.values()].map((member) => this.#watch(member));
  }

  /** Stops. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#loops);
  }

  async #watch(member: Member): Promise<void> {
    const { clock, randomness } = this.#options.platform;
    let failures = member.error === null && !this.#unswept.has(member) ? 0 : 1;
    while (!this.#closing.signal.aborted) {
      const refused = member.error !== null &&
        !(member.error instanceof ParticipantUnavailableError);
      const delay = failures === 0
        ? this.#options.sweepInterval
        : refused
        ? REFUSED_DELAY_MS
        : backoffDelay(failures, randomness);
      if (!await sleep(clock, delay, this.#closing.signal)) return;
      failures = await this.#visit(member) ? 0 : failures + 1;
    }
  }

  async #visit(member: Member): Promise<boolean> {
    if (member.error !== null) {
      if (await this.#check(member) !== null) return false;
      this.#resolver.wake(member.name);
    }
    try {
      await this.#sweep(member);
      return true;
    } catch {
      return false;
    }
  }

  async #check(member: Member) {
    const { checkTimeout, onEvent, platform } = this.#options;
    const participant = member.name;
    const error = await member.check(
      this.#log,
      platform.clock,
      checkTimeout,
      this.#members.values(),
    );
    if (error === null) onEvent({ type: "participant-ready", participant });
    else if (error instanceof ParticipantUnavailableError) {
      onEvent({ type: "participant-unavailable", participant, error });
    } else onEvent({ type: "participant-refused", participant, error });
    return error;
  }

  async #sweep(member: Member): Promise<SweptBranch[]> {
    const { checkTimeout, onEvent, platform } = this.#options;
    const { coordinator } = this.#log;
    try {
      const prepared = await within(
        platform.clock,
        member.participant.listPrepared(gidPrefix(coordinator)),
        checkTimeout,
        LATE,
      );
      if (prepared === LATE) throw new Error(`No answer within ${checkTimeout} ms`);
      const orphans = findOrphans(coordinator, prepared, this.#ledger)
        .filter(({ gid }) => !this.#resolver.has(gid));
      return orphans.map((orphan) => this.#settle(member.name, orphan));
    } catch (error) {
      onEvent({ type: "participant-unavailable", participant: member.name, error });
      throw error;
    }
  }

  #settle(participant: string, { txn, gid, uncertain }: OrphanedBranch): SweptBranch {
    const branch = { participant, gid, token: null };
    const settlement = this.#ledger.settle(txn, "rollback", [branch], false);
    if (!uncertain) return { settlement, tried: this.#resolver.take(settlement, branch) };
    const transactionId = String(txn);
    this.#options.onEvent({ type: "branch-uncertain", transactionId, participant, gid });
    return { settlement, tried: Promise.resolve() };
  }
}
