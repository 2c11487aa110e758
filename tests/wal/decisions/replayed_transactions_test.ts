import { assertEquals } from "@std/assert";
import { FRAME_HEADER_LENGTH } from "../../../src/wal/format.ts";
import { Outcomes } from "../../../src/wal/decisions/outcomes.ts";
import { encodeRecord, type LogRecord } from "../../../src/wal/decisions/record.ts";
import { ReplayedTransactions } from "../../../src/wal/decisions/replayed_transactions.ts";
import { TransactionTable } from "../../../src/wal/decisions/transaction_table.ts";
import { makeFrame } from "../scan_oracle.ts";

/** A record and where it lies. */
type Placed = readonly [offset: number, record: LogRecord];

/** Replays records from bytes that hold them at those offsets, and lets the bytes go away. */
function replayAndKeep(replayed: ReplayedTransactions, all: readonly Placed[]): void {
  const bytes = new Uint8Array(1000);
  const rows = all.map(([offset, record]) => {
    const body = encodeRecord(record);
    bytes.set(makeFrame(body, 0, 0, 0), offset);
    const txn = "txn" in record ? Number(record.txn) : 0;
    return [offset, body.length, 0, body[0]!, 0, txn];
  });
  const table = Uint32Array.from(rows.flat());
  const outcomes = new Outcomes(0);
  replayed.replay(bytes, table, 0, rows.length, outcomes, new TransactionTable());
  replayed.keep(bytes);
  bytes.fill(0);
}

function record(type: "begin" | "committing", txn: bigint, gid: string): LogRecord {
  return { type, txn, branches: [{ participant: "orders", gid, token: null }] };
}

function lengthOf(one: LogRecord): number {
  return FRAME_HEADER_LENGTH + encodeRecord(one).length;
}

const FIRST = record("begin", 1n, "first");
const SECOND = record("begin", 2n, "second");

Deno.test("ReplayedTransactions keeps what lies together and what does not", () => {
  const decision = record("committing", 1n, "the first is decided");
  const [long, short] = [lengthOf(decision), lengthOf(FIRST)];
  // Also where the numbers of places look as if one were behind the other and it is not: what was kept earlier is
  // counted downwards from -1, and a decision takes the place of its Begin in the order, not in the bytes.
  for (const offset of [0, long - 1 - short, long, 500]) {
    const replayed = new ReplayedTransactions();
    replayAndKeep(replayed, [[0, FIRST], [short, SECOND]]);
    replayAndKeep(replayed, [[offset, decision]]);
    replayAndKeep(replayed, []);
    assertEquals(replayed.take(), [encodeRecord(decision), encodeRecord(SECOND)], `${offset}`);
  }
});

Deno.test("ReplayedTransactions keeps a decision that lies behind a later transaction's Begin", () => {
  const decision = record("committing", 1n, "the first");
  const between = lengthOf(decision);
  const replayed = new ReplayedTransactions();
  const begins: Placed[] = [[500 - between, FIRST], [500, SECOND]];
  replayAndKeep(replayed, [...begins, [500 + between, decision]]);
  assertEquals(replayed.take(), [encodeRecord(decision), encodeRecord(SECOND)]);
});

Deno.test("ReplayedTransactions uses its memory again, also for fewer and for more", () => {
  const all = Array.from({ length: 6 }, (_, index) => record("begin", BigInt(index), `g${index}`));
  const length = lengthOf(all[0]!);
  const replayed = new ReplayedTransactions();
  for (const one of all) {
    replayAndKeep(replayed, [[length, one]]);
    if (one === all[2]) replayAndKeep(replayed, [[0, { type: "end", txn: 1n }]]);
  }
  const live = all.filter((one) => one !== all[1]);
  assertEquals(replayed.take(), live.map(encodeRecord));
  assertEquals(replayed.size, 0);
});
