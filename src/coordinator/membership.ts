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
import { ForeignBranches } from "./foreign_branches.ts";
import { GID_FAMILY, transactionOfGid } from "./gid.ts";
import type { Ledger } from "./ledger.ts";
import type { Member, MemberError } from "./member.ts";
import type { FullOptions } from "./options.ts";
import type { Resolver } from "./resolver.ts";
import type { Settlement } from "./settlement.ts";
import { beginningOfEpoch } from "./transaction_id.ts";
import { findOrphans, type ForeignBranch, type OrphanedBranch } from "./sweep.ts";

/**
 * A PREPARE whose session or process is gone can still arrive: a database may notice late that nobody
 * listens. So after an opening, and when a branch that may have been prepared was not there, the participant
 * is looked at again soon, and once more; the sweeps after that are a matter of course.
 */
const SECOND_LOOKS_MS = [1_000, 10_000] as const;
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

/** What participants are checked and swept with. */
export interface MembershipOptions {
  /** The participants by name. */
  readonly members: ReadonlyMap<string, Member>;
  /** Remembers who they are. */
  readonly log: DecisionLog;
  /** Knows which transactions there are. */
  readonly ledger: Ledger;
  /** Rolls back what a sweep finds. */
  readonly resolver: Resolver;
  /** Times and the listener. */
  readonly options: FullOptions;
  /** Hears of a transaction that only an operator can settle. */
  readonly onUnsettled: (settlement: Settlement) => void;
  /** The largest number of a transaction that was given out. */
  readonly lastTransaction: () => bigint;
}

/** How a participant is watched. */
interface Watch {
  /** How many looks in a row have failed: the next one is soon then. */
  failures: number;
  /** Ends the wait for the next look. */
  waker: AbortController;
}

/** Checks and sweeps the participants of one coordinator. */
export class Membership {
  readonly #with: MembershipOptions;
  readonly #options: FullOptions;
  readonly #closing = new AbortController();
  /** Members whose first sweep failed: they are swept again soon, not after the usual time. */
  readonly #unswept = new Set<Member>();
  /** Checks that were called for in between. */
  readonly #suspected = new Map<Member, Promise<unknown>>();
  readonly #foreign: ForeignBranches;
  /** Whether another coordinator was seen to use this one's id. */
  #copied = false;
  /** After how long each member is looked at next, where that is sooner than usual. */
  readonly #looks = new Map<Member, number[]>();
  readonly #watches = new Map<Member, Watch>();
  #loops: Promise<void>[] = [];

  /**
   * Begins with nothing checked.
   *
   * @param options What participants are checked and swept with.
   */
  constructor(options: MembershipOptions) {
    this.#with = options;
    this.#options = options.options;
    const { onEvent, platform } = this.#options;
    this.#foreign = new ForeignBranches(
      platform.clock,
      (participant, coordinator, gids) =>
        onEvent({ type: "foreign-branches", participant, coordinator, gids }),
    );
  }

  /**
   * Checks every participant once, all at the same time. An error is thrown or told, never both.
   *
   * @throws {ParticipantConfigurationError} If one is reached but must be changed first.
   * @throws {ParticipantIdentityError} If one is another database than the log remembers.
   * @throws {ParticipantUnavailableError} If one cannot be reached and all are required.
   */
  async checkAll(): Promise<void> {
    const members = [...this.#with.members.values()];
    const fatal = await Promise.all(members.map(async (member) => {
      const known = member.error;
      const error = await this.#ask(member);
      const isFatal = this.#options.requireAll || !(error instanceof ParticipantUnavailableError);
      if (error !== null && isFatal) return error;
      this.#tell(member, known, error);
      return null;
    }));
    const first = fatal.findIndex((error) => error !== null);
    if (first === -1) return;
    // The one that is thrown is told by that; of others that stand in the way nobody would hear.
    for (let place = first + 1; place < members.length; place++) {
      const error = fatal[place]!;
      if (error !== null) this.#tell(members[place]!, error, error);
    }
    throw fatal[first];
  }

  /**
   * Sweeps every participant that can be used, all at the same time.
   *
   * @returns The branches found.
   */
  async sweepAll(): Promise<SweptBranch[]> {
    const ready = [...this.#with.members.values()].filter(({ error }) => error === null);
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
    this.#loops = [...this.#with.members.values()].map((member) => {
      this.#looks.set(member, [...SECOND_LOOKS_MS]);
      return this.#watch(member);
    });
  }

  /** Looks at a participant again soon: a PREPARE may be late there. */
  lookAgain(name: string): void {
    const member = this.#with.members.get(name);
    // One that is to be looked at soon is not woken: it would begin to wait anew each time.
    if (member === undefined || (this.#looks.get(member)?.length ?? 0) > 0) return;
    this.#looks.set(member, [...SECOND_LOOKS_MS]);
    this.#watches.get(member)?.waker.abort();
  }

  /** Asks a participant at once who it is; if it cannot be used, it is asked again soon. */
  suspect(name: string): void {
    const member = this.#with.members.get(name);
    if (member === undefined || this.#closing.signal.aborted || this.#suspected.has(member)) return;
    const checking = this.#check(member).then((error) => {
      this.#suspected.delete(member);
      const watch = this.#watches.get(member);
      // One whose last look failed is to be looked at soon already.
      if (error === null || watch === undefined || watch.failures > 0) return;
      watch.failures = 1;
      watch.waker.abort();
    });
    this.#suspected.set(member, checking);
  }

  /** Stops. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#loops, ...this.#suspected.values()]);
  }

  async #watch(member: Member): Promise<void> {
    const { clock, randomness } = this.#options.platform;
    const isWell = member.error === null && !this.#unswept.has(member);
    const watch: Watch = { failures: isWell ? 0 : 1, waker: new AbortController() };
    this.#watches.set(member, watch);
    while (!this.#closing.signal.aborted) {
      const refused = member.error !== null &&
        !(member.error instanceof ParticipantUnavailableError);
      const delay = watch.failures === 0
        ? this.#nextLook(member)
        : refused
        ? REFUSED_DELAY_MS
        : backoffDelay(watch.failures, randomness);
      watch.waker = new AbortController();
      const ending = AbortSignal.any([this.#closing.signal, watch.waker.signal]);
      // Woken: there is less to wait for than it seemed.
      if (!await sleep(clock, delay, ending)) continue;
      const isSound = await this.#visit(member);
      // A check that was called for meanwhile may have failed behind that of the visit.
      watch.failures = isSound && member.error === null ? 0 : watch.failures + 1;
    }
  }

  #nextLook(member: Member): number {
    const { sweepInterval } = this.#options;
    return Math.min(this.#looks.get(member)?.shift() ?? sweepInterval, sweepInterval);
  }

  async #visit(member: Member): Promise<boolean> {
    // Also one that can be used is asked who it is: another server may have taken its place.
    if (await this.#check(member) !== null) return false;
    try {
      await this.#sweep(member);
      return true;
    } catch {
      return false;
    }
  }

  async #check(member: Member): Promise<MemberError | null> {
    const known = member.error;
    const error = await this.#ask(member);
    this.#tell(member, known, error);
    return error;
  }

  #ask(member: Member): Promise<MemberError | null> {
    const { checkTimeout, platform: { clock } } = this.#options;
    return member.check(this.#with.log, clock, checkTimeout, this.#with.members.values());
  }

  #tell({ name: participant }: Member, known: MemberError | null, error: MemberError | null): void {
    const { onEvent } = this.#options;
    if (error === null) {
      if (known === null) return;
      onEvent({ type: "participant-ready", participant });
      this.#with.resolver.wake(participant);
    } else if (error instanceof ParticipantUnavailableError) {
      onEvent({ type: "participant-unavailable", participant, error });
    } else onEvent({ type: "participant-refused", participant, error });
  }

  async #sweep(member: Member): Promise<SweptBranch[]> {
    const { checkTimeout, onEvent, platform } = this.#options;
    const { coordinator } = this.#with.log;
    const { ledger, lastTransaction } = this.#with;
    const view = ledger.view(lastTransaction);
    const asked = platform.clock.elapsed();
    const { answers } = member;
    try {
      const list = await within(
        platform.clock,
        member.participant.listPrepared(GID_FAMILY),
        checkTimeout,
        LATE,
      );
      // As of a check: it may just be too busy. The next sweep finds what is there.
      if (list === LATE && member.answers !== answers) return [];
      if (list === LATE) throw new Error(`No answer within ${checkTimeout} ms`);
      const prepared = list.filter(({ gid }) => !ledger.endedSince(gid, asked));
      let found = findOrphans(coordinator, prepared, view, this.#lastTrusted());
      if (!this.#copied && found.orphans.some(({ verdict }) => verdict === "duplicate")) {
        this.#copied = true;
        found = findOrphans(coordinator, prepared, view, this.#lastTrusted());
      }
      this.#report(member.name, found.foreign);
      this.#with.ledger.keepAdopted(member.name, new Set(prepared.map(({ gid }) => gid)));
      return found.orphans
        .filter(({ gid }) => !this.#with.resolver.has(gid))
        .map((orphan) => this.#settle(member.name, orphan));
    } catch (error) {
      onEvent({ type: "participant-unavailable", participant: member.name, error });
      throw error;
    }
  }

  /**
   * The last transaction of which a sweep can tell that it was begun here. Where another coordinator gives
   * out the numbers of this opening too, that holds for none of them.
   */
  #lastTrusted(): bigint {
    const last = this.#with.lastTransaction();
    return this.#copied ? beginningOfEpoch(last) : last;
  }

  #settle(participant: string, { txn, gid, verdict }: OrphanedBranch): SweptBranch {
    const branch = { participant, gid, token: null };
    if (verdict === "commit" || verdict === "rollback") {
      const request = { txn, verdict, branches: [branch], logged: false } as const;
      const settlement = this.#with.ledger.settle(request);
      const tried = this.#with.resolver.take(settlement, branch).then(() => {
        if (settlement.has(gid)) this.#with.onUnsettled(settlement);
      });
      return { settlement, tried };
    }
    const known = this.#with.ledger.settlementOf(txn)?.has(gid) ?? false;
    // A number that another coordinator gave out will be that of a transaction of this one too.
    const concluded = verdict === "duplicate";
    const request = {
      txn,
      verdict: "operator",
      branches: [branch],
      logged: false,
      concluded,
    } as const;
    const settlement = this.#with.ledger.settle(request);
    if (!known) {
      const name = { transactionId: String(txn), participant, gid };
      this.#options.onEvent({ type: "branch-uncertain", ...name, reason: verdict });
      this.#with.onUnsettled(settlement);
    }
    return { settlement, tried: Promise.resolve() };
  }

  /** Shows operators those of other coordinators that were adopted, and tells of the others. */
  #report(participant: string, foreign: readonly ForeignBranch[]): void {
    const { adopted } = this.#with.log;
    for (const { coordinator, gid } of foreign) {
      if (!adopted.has(coordinator)) continue;
      const id = adoptedId(coordinator, gid);
      const settlement = this.#with.ledger.adopt(id, { participant, gid, token: null });
      this.#with.onUnsettled(settlement);
    }
    const strange = foreign.filter(({ coordinator }) => !adopted.has(coordinator));
    this.#foreign.look(participant, strange);
  }
}

/** The id by which operators know a transaction of another coordinator. */
function adoptedId(coordinator: string, gid: string): string {
  return `${coordinator}_${transactionOfGid(coordinator, gid)}`;
}
