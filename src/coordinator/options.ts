/**
 * How a coordinator is opened and a transaction begun, with every default and limit in one place.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { denoPlatform, type Platform } from "../platform/platform.ts";
import { MOST_OUTCOMES } from "../wal/decisions/outcomes.ts";
import { type CoordinatorEventListener, warnOnConsole } from "./events.ts";
import type { InDoubtTransaction } from "./in_doubt.ts";
import type { IsolationLevel, Participant } from "./participant.ts";
import type { ProtocolPointObserver } from "./protocol_point.ts";

/** Participants by name; each name has its own type of client. */
export type Participants = Record<string, Participant<unknown>>;

/** The client of a participant. */
export type ClientOf<P> = P extends Participant<infer Client> ? Client : never;

/** The clients of some participants, by name. */
export type ClientsOf<P extends Participants, Name extends keyof P> = {
  readonly [N in Name]: ClientOf<P[N]>;
};

/** How a coordinator is opened. All times are in milliseconds. */
export interface CoordinatorOptions<P extends Participants> {
  /** Directory of the log: on a disk that outlives the process, used by this coordinator only. */
  readonly directory: string;
  /** The databases, each under a name that stays the same for ever: `[A-Za-z0-9_.-]`, 1 to 64 characters. */
  readonly participants: P;
  /**
   * Whether opening fails if a participant cannot be reached. If not, it is reported, tried again, and
   * swept when it is back.
   *
   * @default {false}
   */
  readonly requireAll?: boolean;
  /**
   * How long a transaction may take before its decision, unless it says so itself.
   *
   * @default {60000}
   */
  readonly timeout?: number;
  /**
   * How long a database may take to answer PREPARE, or a one-phase COMMIT. A branch that is asked what it has
   * done while others are prepared already must answer both within this time.
   *
   * @default {30000}
   */
  readonly prepareTimeout?: number;
  /**
   * How long a caller waits, after the decision, for the databases to commit. What is left then is
   * settled behind the caller's back.
   *
   * @default {10000}
   */
  readonly settleTimeout?: number;
  /**
   * How long a database may take, at opening and afterwards, to be checked and to list what it holds
   * prepared.
   *
   * @default {10000}
   */
  readonly checkTimeout?: number;
  /**
   * How long `close` waits for transactions to end. Those whose functions still run are rolled back then.
   *
   * @default {30000}
   */
  readonly closeTimeout?: number;
  /**
   * How often each database is asked who it is, and for prepared branches that nobody drives to an end. One
   * that went down is noticed then.
   *
   * @default {60000}
   */
  readonly sweepInterval?: number;
  /**
   * How many transactions may run at once. More wait for their turn, as long as their time allows. Where
   * `enlist` is used, no pool should have fewer connections: two could wait for each other's.
   *
   * @default {1000}
   */
  readonly maxConcurrentTransactions?: number;
  /**
   * Of how many transactions that have ended the log keeps the outcome, for {@linkcode Coordinator.status} and
   * for the sweep: a branch that a database has prepared again, since it lost the commit in a failover, is
   * committed again if its transaction is known to have committed, and rolled back otherwise.
   * It costs a few bytes of log for each, and no time of a commit.
   *
   * @default {10000}
   */
  readonly keepOutcomes?: number;
  /**
   * By what nested code finds its transaction ({@linkcode Coordinator.current}): an `AsyncLocalStorage` of
   * `node:async_hooks`, or anything else of its shape. Two coordinators must not share one.
   *
   * @default {an `AsyncLocalStorage` of its own}
   */
  readonly context?: TransactionStore;
  /**
   * Whether a Begin is synced before the first PREPARE. Not needed for safety: the sweep finds what no
   * decision covers. It costs a second forced write for each transaction.
   *
   * @default {false}
   */
  readonly forceBegin?: boolean;
  /**
   * Hears what happens besides the calls: participants that come and go, branches settled or stuck.
   * By default what a person should know goes to `console.warn`. A failure of its own goes to
   * `console.error`.
   */
  readonly onEvent?: CoordinatorEventListener;
  /**
   * Hears once of each transaction that its caller no longer waits for and that is not settled: some
   * database has not answered, or a person has to decide. A failure of its own goes to `console.error`.
   */
  readonly onInDoubt?: (transaction: InDoubtTransaction) => void;
  /**
   * Is called at each named point of the protocol; for tests that crash there. A failure of its own goes to
   * `console.error`.
   */
  readonly onProtocolPoint?: ProtocolPointObserver;
  /** The machine; tests put another in its place. */
  readonly platform?: Platform;
}

/** How a transaction is begun. */
export interface TransactionOptions {
  /** Stops the transaction when aborted before the decision; has no effect after it. */
  readonly signal?: AbortSignal;
  /**
   * How long the transaction may take before its decision, in milliseconds; with `retry`, each try. A statement
   * that runs when time is up is given 250 ms to end before it is interrupted, and only then the caller hears.
   *
   * @default {the coordinator's `timeout`}
   */
  readonly timeout?: number;
  /** Isolation level in every database; each database's own default if absent. */
  readonly isolationLevel?: IsolationLevel;
  /**
   * Whether every database is to refuse writes.
   *
   * @default {false}
   */
  readonly readOnly?: boolean;
  /** What people see of the transaction where it is in doubt, at most 200 characters. */
  readonly label?: string;
}

/** How a transaction is run. */
export interface RunOptions extends TransactionOptions {
  /**
   * How often the transaction is begun again, with back-off and as a new transaction, after a failure
   * that another try may not meet: a {@linkcode TransactionAbortedError} that is `retryable`, or an error
   * of the same kind that a statement in the function got. The function must bear being called again. An
   * outcome that is not known is never tried again.
   *
   * @default {0}
   */
  readonly retry?: number;
}

/** Carries the coordinator's note of the transaction in whose function some code runs; see `AsyncLocalStorage`. */
export interface TransactionStore {
  /** Calls a function in which, and in all that it begins, {@linkcode getStore} gives `store`. */
  run<T>(store: object, callback: () => T): T;
  /** What `run` was given. */
  getStore(): object | undefined;
}

/** The options of a coordinator with every default in its place. */
export type FullOptions = Required<CoordinatorOptions<Participants>>;

const MAX_MILLISECONDS = 2 ** 31 - 1;
const MAX_TRANSACTIONS = 100_000;
/** The most outcomes that a log keeps. */
export const MAX_OUTCOMES: number = MOST_OUTCOMES;
const MAX_RETRIES = 100;
const MAX_LABEL_LENGTH = 200;
const ISOLATION_LEVELS: readonly IsolationLevel[] = [
  "read committed",
  "repeatable read",
  "serializable",
];
/** Clients are properties of an object by these names, of which one would not be a property but its prototype. */
const PARTICIPANT_NAME = /^(?!__proto__$)[A-Za-z0-9_.-]{1,64}$/;
const MAX_PARTICIPANTS = 1000;

/**
 * Puts in the defaults and refuses what cannot be.
 *
 * @param options As the application gave them.
 * @returns All of them.
 * @throws {TypeError} If there is no directory or no participant.
 * @throws {RangeError} If a time or a name is out of its range.
 */
export function completeOptions(options: CoordinatorOptions<Participants>): FullOptions {
  const names = Object.keys(options.participants);
  if (options.directory === "") {
    throw new TypeError("Cannot open a coordinator: the directory is empty, name one for the log");
  }
  if (names.length < 1 || names.length > MAX_PARTICIPANTS) {
    throw new TypeError(
      `Cannot open a coordinator: ${names.length} participants are given, ` +
        `there must be 1 to ${MAX_PARTICIPANTS}`,
    );
  }
  for (const name of names) {
    if (!PARTICIPANT_NAME.test(name)) {
      throw new RangeError(
        `Cannot open a coordinator: ${JSON.stringify(name)} is no name for a participant, ` +
          "it must have 1 to 64 characters of [A-Za-z0-9_.-] and not be __proto__",
      );
    }
  }
  return {
    directory: options.directory,
    participants: options.participants,
    requireAll: options.requireAll ?? false,
    timeout: milliseconds("timeout", options.timeout, 60_000),
    prepareTimeout: milliseconds("prepareTimeout", options.prepareTimeout, 30_000),
    settleTimeout: milliseconds("settleTimeout", options.settleTimeout, 10_000),
    checkTimeout: milliseconds("checkTimeout", options.checkTimeout, 10_000),
    closeTimeout: milliseconds("closeTimeout", options.closeTimeout, 30_000),
    sweepInterval: milliseconds("sweepInterval", options.sweepInterval, 60_000),
    maxConcurrentTransactions: count(
      "maxConcurrentTransactions",
      options.maxConcurrentTransactions ?? 1000,
      [1, MAX_TRANSACTIONS],
    ),
    keepOutcomes: count("keepOutcomes", options.keepOutcomes ?? 10_000, [0, MAX_OUTCOMES]),
    context: options.context ?? new AsyncLocalStorage(),
    onInDoubt: options.onInDoubt ?? (() => {}),
    forceBegin: options.forceBegin ?? false,
    onEvent: options.onEvent ?? warnOnConsole,
    onProtocolPoint: options.onProtocolPoint ?? (() => {}),
    platform: options.platform ?? denoPlatform,
  };
}

/**
 * A number from the options.
 *
 * @param name Name of the option.
 * @param value What was given.
 * @param limits The smallest and the largest that it may be.
 * @returns The same.
 * @throws {RangeError} If it is no whole number within the limits.
 */
export function count(
  name: string,
  value: number,
  [least, most]: readonly [number, number],
): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(
    `Cannot use ${value} as "${name}": it must be a whole number from ${least} to ${most}`,
  );
}

/**
 * How often a transaction may be begun again.
 *
 * @param retry What was given.
 * @returns The number.
 * @throws {RangeError} If it is no whole number from 0 to 100.
 */
export function retries(retry: number | undefined): number {
  return count("retry", retry ?? 0, [0, MAX_RETRIES]);
}

/**
 * Sees that a label can be shown.
 *
 * @param label What was given.
 * @returns The same.
 * @throws {RangeError} If it is too long.
 */
export function assertLabel(label: string | undefined): string | undefined {
  if (label === undefined || label.length <= MAX_LABEL_LENGTH) return label;
  throw new RangeError(
    `Cannot label a transaction with ${label.length} characters: ${MAX_LABEL_LENGTH} are allowed`,
  );
}

/**
 * Sees that branches can begin so: callers in JavaScript have no compiler that does.
 *
 * @param options What was given.
 * @throws {RangeError} If there is no such isolation level.
 * @throws {TypeError} If `readOnly` is neither true nor false.
 */
export function assertModes(
  { isolationLevel, readOnly }: Pick<TransactionOptions, "isolationLevel" | "readOnly">,
): void {
  if (isolationLevel !== undefined && !ISOLATION_LEVELS.includes(isolationLevel)) {
    throw new RangeError(
      `Cannot use ${JSON.stringify(isolationLevel)} as "isolationLevel": it must be one of ` +
        JSON.stringify(ISOLATION_LEVELS),
    );
  }
  if (readOnly !== undefined && typeof readOnly !== "boolean") {
    throw new TypeError(
      `Cannot use ${JSON.stringify(readOnly)} as "readOnly": it must be true or false`,
    );
  }
}

/**
 * A time from the options.
 *
 * @param name Name of the option.
 * @param value What was given.
 * @param fallback The default.
 * @returns Milliseconds.
 * @throws {RangeError} If it is no whole number from 1 to 2^31 - 1.
 */
export function milliseconds(name: string, value: number | undefined, fallback: number): number {
  const time = value ?? fallback;
  if (!Number.isInteger(time) || time < 1 || time > MAX_MILLISECONDS) {
    throw new RangeError(
      `Cannot use ${time} as "${name}": it must be a whole number of milliseconds ` +
        `from 1 to ${MAX_MILLISECONDS}`,
    );
  }
  return time;
}
