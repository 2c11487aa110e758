/**
 * Everything that is kept of a run for the invariants to judge: what callers did and heard, what the
 * coordinators sent and told, what people and accidents did to databases and logs. Nothing here
 * comes from what a coordinator believes, except for what it told.
 */

import type { CoordinatorEvent } from "../../../src/coordinator/events.ts";
import type { ProtocolPoint } from "../../../src/coordinator/protocol_point.ts";
import type { TransactionStatus } from "../../../src/coordinator/status.ts";

/** What a caller heard; `nothing` if its process died first. */
export type Heard = "committed" | "aborted" | "own error" | "unknown" | "heuristic" | "nothing";

/** One transaction, as its caller saw it. */
export interface Attempt {
  /** Ids of the coordinator and of the transaction. */
  readonly id: string;
  /** Number of the process. */
  readonly process: number;
  readonly begun: number;
  /** The participants that took part. */
  readonly names: readonly string[];
  /** Those that it has written to. */
  readonly wrote: string[];
  heard: Heard;
  /** When. */
  heardAt: number;
  /** Whether `unknown` was said because of the log. */
  isLogDoubt: boolean;
}

/** A COMMIT PREPARED or ROLLBACK PREPARED that a coordinator sent. */
export interface Settling {
  readonly at: number;
  readonly process: number;
  readonly participant: string;
  readonly gid: string;
  readonly id: string;
  readonly ending: "commit" | "rollback";
}

/** Someone other than a coordinator ended a prepared branch. */
export interface Meddling {
  readonly at: number;
  readonly participant: string;
  readonly gid: string;
  readonly id: string;
  readonly ending: "commit" | "rollback";
  /** Whether the coordinator was told to do it. */
  readonly isThroughCoordinator: boolean;
}

/** A database went back to an earlier state. */
export interface Restore {
  readonly participant: string;
  /** When that state was the present one. */
  readonly from: number;
  readonly at: number;
}

/** What a log was found to hold at some moment. */
export interface LogProbe {
  readonly at: number;
  readonly why: string;
  /** Whether the log could have been read after a power cut, or by the next process. */
  readonly after: "power cut" | "kill";
  /** Transactions whose decision it must hold. */
  readonly required: readonly string[];
  /** Transactions whose decision it held. */
  readonly decided: readonly string[];
}

/** What a coordinator answered when it was asked what became of a transaction. */
export interface Status {
  readonly id: string;
  readonly status: TransactionStatus;
  /** Whether the process that began it has answered. */
  readonly isOwn: boolean;
}

/** The state of a world at its end. */
export interface FinalState {
  /** For each database, the ids in its table. */
  readonly rows: ReadonlyMap<string, readonly string[]>;
  /** For each database, what it holds prepared. */
  readonly prepared: ReadonlyMap<string, readonly string[]>;
  /** What the coordinator says is in doubt. */
  readonly unsettled: readonly string[];
  /** Sessions that were not given back. */
  readonly sessions: number;
  /** Files of the log's directory. */
  readonly files: readonly string[];
  /** Bytes in them. */
  readonly bytes: number;
  /** Files and timers that were left by the last coordinator when it was closed. */
  readonly leftOpen: readonly string[];
  /** What `status` answered about each transaction, before its coordinator was closed and after. */
  readonly statuses: readonly Status[];
  /** What the last opening found to do; the one before it had been left in peace. */
  readonly lastRecovery: readonly string[];
}

/** The evidence of one run. */
export class Evidence {
  readonly attempts: Attempt[] = [];
  readonly points: { id: string; point: ProtocolPoint; process: number; at: number }[] = [];
  readonly settlings: Settling[] = [];
  readonly meddlings: Meddling[] = [];
  readonly restores: Restore[] = [];
  /** Branches that a failover has prepared again, and when. */
  readonly lostCommits: { readonly at: number; readonly gid: string }[] = [];
  readonly probes: LogProbe[] = [];
  readonly events: { at: number; process: number; event: CoordinatorEvent }[] = [];
  /** When the log was damaged; undecided transactions of earlier processes must be left alone. */
  readonly damages: { at: number; process: number }[] = [];
  /** Gids of branches of which a coordinator has heard that they are prepared. */
  readonly voted = new Set<string>();
  /** Branches that were begun in a stranger to their database, by participant and id. */
  readonly astray = new Set<string>();
  /** Transactions that a person has told the coordinator to forget. */
  readonly forgotten = new Set<string>();
  /** Ids of the coordinators; more than one if a log was lost as a whole. */
  readonly coordinators = new Set<string>();
  /** Commands sent to each database in each second, by participant and second. */
  readonly load = new Map<string, number>();
  /** What foreign branches each database must still hold. */
  readonly foreign = new Map<string, readonly string[]>();
  /** What a participant did not allow, such as the use of a session that was given back. */
  readonly misuse: string[] = [];
  /** Errors that nobody should have seen. */
  readonly surprises: string[] = [];
  /** Number of the last process of the run proper. */
  lastProcess = 0;
  final: FinalState | null = null;

  /** When a branch was ended in its database, the last time if it was restored. */
  readonly ended = new Map<string, number>();

  /** Transactions whose decision somebody has acted upon. */
  decidedIds(): Set<string> {
    const decided = this.points.filter(({ point }) => point === "decided");
    const committed = this.settlings.filter((one) =>
      one.ending === "commit" && !this.isOrdered(one)
    );
    return new Set([...decided, ...committed].map(({ id }) => id));
  }

  /** Whether a person has told the coordinator to send that. */
  isOrdered({ ending, gid }: Settling): boolean {
    return this.meddlings.some((one) =>
      one.isThroughCoordinator && one.gid === gid && one.ending === ending
    );
  }

  /** Whether a restore may have changed what a database knows of a transaction. */
  isRestored(participant: string, { id, begun }: Attempt): boolean {
    const ended = this.ended.get(`${participant} ${id}`) ?? Infinity;
    return this.restores.some((one) =>
      one.participant === participant && one.at >= begun && one.from <= ended
    );
  }

  /** Whether somebody was told that a branch did not end as decided. */
  isTold(gid: string): boolean {
    return this.events.some(({ event }) => event.type === "heuristic-outcome" && event.gid === gid);
  }

  /** Whether a person ended that branch. */
  meddlingWith(participant: string, id: string): Meddling | undefined {
    return this.meddlings.find((one) => one.participant === participant && one.id === id);
  }
}

/** The coordinator and the number of a transaction, from the gid of a branch. */
export function idOfGid(gid: string): string {
  return gid.split("_").slice(1, 3).join("_");
}

/** A promise that an invariant guards was broken. */
export class InvariantViolation extends Error {
  override readonly name = "InvariantViolation";

  /** Names the invariant. */
  constructor(readonly invariant: string, what: string) {
    super(`${invariant}: ${what}`);
  }
}
