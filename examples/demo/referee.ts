/**
 * The proof. Each claim is judged by the facts of a run and by nothing else; what contradicts it is said
 * in plain words.
 *
 * @module
 */

import { PROTOCOL_POINTS, type ProtocolPoint } from "@indoubt/coordinator";
import { BANK_NAMES, type BankName, type Half } from "./bank.ts";
import type { Facts, RoundRecord, TransferRecord } from "./facts.ts";
import { formatCents } from "./money.ts";
import { POINT_TEXT } from "./plan.ts";

/** Something that must hold, and what speaks against it. */
export interface Claim {
  readonly text: string;
  readonly violations: readonly string[];
}

/** In which banks a transfer is. */
export type Place = "both" | "neither" | BankName;

/** The facts, with the halves of each transfer looked up. */
interface Case extends Facts {
  readonly halves: ReadonlyMap<string, Readonly<Partial<Record<BankName, Half>>>>;
  place(transfer: string): Place;
}

/** Judges a run. */
export function judge(facts: Facts): Claim[] {
  const it = openCase(facts);
  return [
    claim(`The sum over both banks is what it was, ${formatCents(facts.sumBefore)}`, sum(it)),
    claim("Each transfer is in both banks or in neither", atomicity(it)),
    claim("Each transfer that was reported committed is there", committedAreThere(it)),
    claim("No transfer that was reported aborted is there", abortedAreNot(it)),
    claim("Each balance is what its transfers make of it", balances(it)),
    claim("No prepared transaction is left, now or after any restart", preparedLeft(it)),
    claim("Each kill hit, and its transfer ended as the protocol says", kills(it)),
    claim("Each transfer that recovery settled is as recovery said", settlements(it)),
    claim("Money did move", movement(it)),
  ];
}

/** In which banks each transfer is. */
export function placesOf(facts: Facts): (transfer: string) => Place {
  return openCase(facts).place;
}

/** Money in both banks. */
export function sumOf({ books }: Facts): number {
  return BANK_NAMES.flatMap((bank) => books[bank].accounts)
    .reduce((total, { balance }) => total + balance, 0);
}

function claim(text: string, violations: Iterable<string>): Claim {
  return { text, violations: [...violations] };
}

function openCase(facts: Facts): Case {
  const halves = new Map<string, Partial<Record<BankName, Half>>>();
  for (const bank of BANK_NAMES) {
    for (const half of facts.books[bank].halves) {
      halves.set(half.transfer, { ...halves.get(half.transfer), [bank]: half });
    }
  }
  return {
    ...facts,
    halves,
    place(transfer) {
      const { north, south } = halves.get(transfer) ?? {};
      if (north !== undefined) return south === undefined ? "north" : "both";
      return south === undefined ? "neither" : "south";
    },
  };
}

function* sum(it: Case): Iterable<string> {
  const after = sumOf(it);
  if (after === it.sumBefore) return;
  yield `The banks held ${formatCents(it.sumBefore)} together and now hold ${formatCents(after)}`;
}

function* atomicity(it: Case): Iterable<string> {
  const begun = new Set(it.transfers.map(({ id }) => id));
  for (const [id, { north, south }] of it.halves) {
    if (!begun.has(id)) yield `Transfer ${id} is in a bank, but was never begun`;
    if (north === undefined || south === undefined) {
      yield `Transfer ${id} is in ${it.place(id)} only`;
    } else if (north.cents + south.cents !== 0) {
      yield `Transfer ${id} takes and gives different amounts: ` +
        `${formatCents(north.cents)} in north, ${formatCents(south.cents)} in south`;
    }
  }
}

function* committedAreThere(it: Case): Iterable<string> {
  for (const { id, reported } of it.transfers) {
    if (reported !== "committed" || it.place(id) === "both") continue;
    yield `Transfer ${id} was reported committed, but is in ${it.place(id)}`;
  }
}

function* abortedAreNot(it: Case): Iterable<string> {
  for (const { id, reported } of it.transfers) {
    if (reported !== "aborted" || it.place(id) === "neither") continue;
    yield `Transfer ${id} was reported aborted, but is in ${it.place(id)}`;
  }
}

function* balances(it: Case): Iterable<string> {
  for (const bank of BANK_NAMES) {
    const { accounts, halves } = it.books[bank];
    const due = new Map(accounts.map(({ id, opening }) => [id, opening]));
    for (const { account, cents } of halves) due.set(account, (due.get(account) ?? 0) + cents);
    for (const { id, balance } of accounts) {
      if (balance === due.get(id)) continue;
      yield `Account ${id} of ${bank} holds ${formatCents(balance)}, ` +
        `its transfers make ${formatCents(due.get(id) ?? 0)}`;
    }
  }
}

function* preparedLeft(it: Case): Iterable<string> {
  for (const bank of BANK_NAMES) {
    for (const gid of it.books[bank].prepared) yield `${gid} is still prepared in ${bank}`;
  }
  for (const { round, preparedLeft, recovery } of it.rounds) {
    for (const gid of preparedLeft ?? []) yield `${gid} was still prepared after start ${round}`;
    for (const transaction of recovery?.pending ?? []) {
      yield `Transaction ${transaction} was still pending after the recovery of start ${round}`;
    }
  }
}

function* kills(it: Case): Iterable<string> {
  const byTransaction = transfersByTransaction(it);
  for (const round of it.rounds) {
    yield* missedKill(round);
    if (round.death === null) continue;
    const { transaction, point } = round.death;
    const transfer = byTransaction.get(transaction);
    const place = transfer === undefined ? "neither" : it.place(transfer.id);
    const due = isDecidedAt(point) ? "both" : "neither";
    if (transfer === undefined) {
      yield `Worker ${round.round} died in transaction ${transaction}, which belongs to no transfer`;
    } else if (place !== due) {
      yield `Transfer ${transfer.id} was killed ${POINT_TEXT[point]} and must be in ${due}, ` +
        `but is in ${place}`;
    }
  }
}

function* missedKill({ round, kill, death, end, preparedLeft }: RoundRecord): Iterable<string> {
  // Stopped before its time; what was left is a violation of its own.
  if (preparedLeft !== null && preparedLeft.length > 0) return;
  if (kill === null) {
    if (end.code !== 0) yield `The last worker did not end by itself: exit code ${end.code}`;
    return;
  }
  if (end.signal !== "SIGKILL") yield `Worker ${round} was not killed: exit code ${end.code}`;
  if (kill.kind !== "point") return;
  if (death?.point === kill.point && death.passing === kill.passing) return;
  yield `Worker ${round} did not die ${POINT_TEXT[kill.point]}, at passing ${kill.passing}`;
}

function isDecidedAt(point: ProtocolPoint): boolean {
  return PROTOCOL_POINTS.indexOf(point) >= PROTOCOL_POINTS.indexOf("decided");
}

function* settlements(it: Case): Iterable<string> {
  const byTransaction = transfersByTransaction(it);
  for (const { transaction, outcome } of it.rounds.flatMap(({ settled }) => settled)) {
    const transfer = byTransaction.get(transaction);
    if (transfer === undefined) {
      yield `Recovery settled transaction ${transaction}, which belongs to no transfer`;
    } else if (it.place(transfer.id) !== (outcome === "committed" ? "both" : "neither")) {
      yield `Recovery said that transfer ${transfer.id} was ${outcome}, ` +
        `but it is in ${it.place(transfer.id)}`;
    }
  }
}

function* movement(it: Case): Iterable<string> {
  if (!it.transfers.some(({ id }) => it.place(id) === "both")) yield "No transfer was committed";
}

function transfersByTransaction(it: Case): ReadonlyMap<string, TransferRecord> {
  return new Map(it.transfers.map((transfer) => [transfer.transaction ?? "", transfer]));
}
