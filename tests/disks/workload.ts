/**
 * What the load on a log consists of: the records of transactions as a coordinator writes them.
 * Every record follows from its transaction's number alone, so that a test that knows the number
 * knows what must be found, to the last letter.
 *
 * @module
 */

import type {
  ActiveTransaction,
  BranchRecord,
  LogRecord,
  ParticipantRecord,
} from "../../src/wal/decisions/record.ts";

/** Kinds of calls: the record that each appends is that of {@linkcode recordOf}. */
export type CallKind = "participant" | "begin" | "committing" | "end";

const PARTICIPANTS = 5;
const LONG_NAME = "a-name-as-long-as-a-gid-may-be".repeat(6);

/** A number that looks random, and is the same whenever it is asked for. */
function scatter(value: bigint): number {
  return Number(BigInt.asUintN(32, (value + 1n) * 0x9e3779b97f4a7c15n >> 17n));
}

function branchesOf(txn: bigint, prepared: boolean): BranchRecord[] {
  const number = scatter(txn);
  // Most are small; one in a hundred fills pages of its own.
  const count = number % 100 === 0 ? 24 : 1 + number % 3;
  return Array.from({ length: count }, (_, index) => ({
    participant: `database_${(number + index) % PARTICIPANTS}`,
    gid: `indoubt_${txn}_${index}_${count === 24 ? LONG_NAME : ""}`,
    token: prepared && (number + index) % 2 === 0 ? String(number) : null,
  }));
}

/** The record of a call. */
export function recordOf(kind: CallKind, txn: bigint): LogRecord {
  switch (kind) {
    case "participant":
      return { type: "participant", ...participantOf(txn) };
    case "begin":
    case "committing":
      return { type: kind, txn, branches: branchesOf(txn, kind === "committing") };
    case "end":
      return { type: "end", txn };
  }
}

/** The participant that bears a number. */
export function participantOf(number: bigint): ParticipantRecord {
  return {
    name: `database_${number}`,
    kind: "postgresql",
    identity: `cluster ${scatter(number)}`,
  };
}

/** What a log must say of a transaction of which this was the last call, as a text to compare. */
export function expectedText(kind: CallKind, txn: bigint): string | undefined {
  switch (kind) {
    case "participant":
      return textOf(participantOf(txn));
    case "begin":
    case "committing":
      return textOf({
        txn,
        decided: kind === "committing",
        branches: branchesOf(txn, kind === "committing"),
      });
    case "end":
      return undefined;
  }
}

/** What a log says, as a text to compare. */
export function textOf(found: ActiveTransaction | ParticipantRecord): string {
  if (!("txn" in found)) return `${found.name} ${found.kind} ${found.identity}`;
  const branches = found.branches.map((branch) => Object.values(branch).join("/"));
  return `${found.txn} ${found.decided ? "commits" : "began"} ${branches.join(" ")}`;
}
