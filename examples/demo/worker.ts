/**
 * The process that is killed: opens both banks and the coordinator, which recovers, and then makes
 * transfers, several at a time, until it is killed or has made as many as it was told to. It reads its
 * order from standard input, and ends when that is closed: no worker outlives the demo.
 *
 * @module
 */

import {
  Coordinator,
  OutcomeUnknownError,
  type ProtocolPointObserver,
  TransactionAbortedError,
} from "@indoubt/coordinator";
import { BANK_NAMES } from "./bank.ts";
import { endWhenAbandoned, readLines } from "./lines.ts";
import { report, type WorkerOrder } from "./messages.ts";
import { Banks } from "./open_bank.ts";
import { queryOf } from "./query.ts";
import { SeededRandom } from "./random.ts";
import { InsufficientFundsError, thinkOfTransfer, transfer } from "./transfer.ts";

/** How many transfers are under way at a time. */
const TELLERS = 4;

/** Much more often than an application needs, so that sweeps fall into the middle of transfers. */
const SWEEP_MS = 500;

/** How long a worker that has just started waits for the last prepared transaction to go. */
const LATE_PREPARE_MS = 3_000;

/** Opens the coordinator with both banks and says what it recovered. */
async function openCoordinator(order: WorkerOrder, banks: Banks) {
  report({ type: "opening" });
  const coordinator = await Coordinator.open({
    directory: order.directory,
    participants: { north: banks.north.participant, south: banks.south.participant },
    requireAll: true,
    sweepInterval: SWEEP_MS,
    onProtocolPoint: dieWhereOrdered(order),
    onEvent(event) {
      if (event.type === "branch-settled") {
        report({ type: "settled", transaction: event.transactionId, outcome: event.outcome });
      } else if (event.type !== "participant-ready") {
        console.error(event);
      }
    },
  });
  const { committed, rolledBack, pending, milliseconds } = coordinator.recovery;
  report({ type: "recovered", committed, rolledBack, pending, milliseconds });
  return coordinator;
}

/** Ends this process at the point where it was ordered to. */
function dieWhereOrdered({ dieAt }: WorkerOrder): ProtocolPointObserver {
  let passing = 0;
  return (point, transaction) => {
    if (point !== dieAt?.point || ++passing < dieAt.passing) return;
    report({ type: "dying", point, passing, transaction });
    Deno.kill(Deno.pid, "SIGKILL");
  };
}

/** Makes one transfer and reports what became of it. */
async function makeTransfer(
  coordinator: Awaited<ReturnType<typeof openCoordinator>>,
  random: SeededRandom,
  id: string,
): Promise<void> {
  const order = thinkOfTransfer(random, id);
  report({ type: "begun", transfer: id });
  try {
    await coordinator.transaction(BANK_NAMES, async ({ north, south }, transaction) => {
      report({ type: "named", transfer: id, transaction: transaction.id });
      await transfer(order, { north: queryOf(north), south: queryOf(south) });
    });
    report({ type: "committed", transfer: id });
  } catch (error) {
    if (error instanceof OutcomeUnknownError) return report({ type: "unknown", transfer: id });
    report({ type: "aborted", transfer: id, reason: abortReason(error) });
  }
}

/** Tells why a transfer was aborted; passes on what is no abort. */
function abortReason(error: unknown) {
  if (error instanceof InsufficientFundsError) return "insufficient funds";
  if (!(error instanceof TransactionAbortedError)) throw error;
  const cause = error.cause;
  const violated = cause instanceof Error && "code" in cause &&
    cause.code === FOREIGN_KEY_VIOLATION;
  if (!violated) console.error(error);
  return violated ? "refused at PREPARE" : "other";
}

/** PostgreSQL's code for a reference to a row that does not exist. */
const FOREIGN_KEY_VIOLATION = "23503";

/**
 * Lists what is prepared though no transfer has begun. On a server, a session of the killed process may
 * come to its PREPARE only after the recovery has looked; the next sweep finds that.
 */
async function preparedLeft({ north, south }: Banks): Promise<string[]> {
  const deadline = performance.now() + LATE_PREPARE_MS;
  while (true) {
    const prepared = [...await north.prepared(), ...await south.prepared()];
    if (prepared.length === 0 || performance.now() > deadline) return prepared;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function work(order: WorkerOrder): Promise<void> {
  await using banks = await Banks.open(order.banks);
  await using coordinator = await openCoordinator(order, banks);
  report({ type: "ready", preparedLeft: await preparedLeft(banks) });
  let begun = 0;
  const tellers = Array.from({ length: TELLERS }, async (_, teller) => {
    const random = new SeededRandom(order.seed, order.round, teller);
    while (order.transfers === null || begun < order.transfers) {
      await makeTransfer(coordinator, random, `${order.round}-${teller}-${++begun}`);
    }
  });
  await Promise.all(tellers);
}

if (import.meta.main) {
  const input = readLines(Deno.stdin.readable);
  const { value } = await input.next();
  endWhenAbandoned(input);
  await work(JSON.parse(value ?? "") as WorkerOrder);
  Deno.exit(0);
}
