/**
 * Measures what becomes of a record before and after the disk: its bytes, and gids. The baseline of each kind
 * is the general encoder (`@std/msgpack`), which writes the same bytes.
 */

import { decode, encode } from "@std/msgpack";
import { gidPrefix, makeGid, transactionOfGid } from "../src/coordinator/gid.ts";
import { SegmentScanner } from "../src/wal/core.ts";
import { LiveState } from "../src/wal/decisions/live_state.ts";
import {
  decodeRecord,
  encodeRecord,
  type LogRecord,
  RECORD_TAGS,
} from "../src/wal/decisions/record.ts";
import { FrameBatch } from "../src/wal/frame_batch.ts";
import { decision } from "./load/decision.ts";

const TXN = 7_000_000_000n;
const COORDINATOR = "0123456789ab";
const PREFIX = gidPrefix(COORDINATOR);
const OUTCOMES = 100;
/** As many as run at once, at most, unless the application asks for more. */
const LIVE = 1000;

const { branches } = decision(TXN) as Extract<LogRecord, { type: "committing" }>;
const outcomes = Array.from({ length: OUTCOMES }, (_, index) => ({
  txn: TXN + BigInt(3 * index),
  committed: index % 5 !== 0,
}));

/** One of each kind. */
const RECORDS: readonly LogRecord[] = [
  { type: "begin", txn: TXN, branches },
  { type: "committing", txn: TXN, branches },
  { type: "end", txn: TXN },
  { type: "doubt", txn: TXN, branches: branches.slice(0, 1) },
  { type: "participant", name: "orders", kind: "postgresql", identity: "7399210234823/16384" },
  {
    type: "branch-verdict",
    kind: "commit",
    subject: String(TXN),
    participant: "orders",
    gid: makeGid(PREFIX, String(TXN), 0),
    reason: "the books say so",
    by: "somebody",
    at: "2026-01-01T00:00:00.000Z",
  },
  { type: "outcomes", forgotten: 0n, outcomes },
  {
    type: "checkpoint",
    active: [{ txn: TXN, decided: true, branches }],
    participants: [{ name: "orders", kind: "postgresql", identity: "7399210234823/16384" }],
  },
];

const model = new LiveState();

for (const record of RECORDS) {
  const body = encodeRecord(record);
  const payload = decode(body.subarray(1));
  const group = `encode ${record.type}`;

  Deno.bench(`@std/msgpack, ${record.type}`, { group, baseline: true }, () => {
    const bytes = encode(payload);
    const whole = new Uint8Array(bytes.length + 1);
    whole[0] = RECORD_TAGS[record.type];
    whole.set(bytes, 1);
  });

  Deno.bench(`as the log does, ${record.type} of ${body.length} bytes`, { group }, () => {
    model.encode(record);
  });

  Deno.bench(`@std/msgpack, ${record.type} back`, {
    group: `decode ${record.type}`,
    baseline: true,
  }, () => {
    decode(body.subarray(1));
  });

  Deno.bench(`decode and check, ${record.type}`, { group: `decode ${record.type}` }, () => {
    decodeRecord(body);
  });
}

/** All that runs when a segment is begun, while every commit waits. */
const live: LogRecord = {
  type: "checkpoint",
  active: Array.from(
    { length: LIVE },
    (_, index) => ({ txn: TXN + BigInt(index), decided: true, branches }),
  ),
  participants: [],
};
const livePayload = decode(encodeRecord(live).subarray(1));

Deno.bench(`@std/msgpack, ${LIVE} live`, { group: "encode all live", baseline: true }, () => {
  encode(livePayload);
});

Deno.bench(`as the log does, ${LIVE} live`, { group: "encode all live" }, () => {
  model.encode(live);
});

const [committing, end] = ["committing", "end"].map((type) =>
  encodeRecord(RECORDS.find((record) => record.type === type)!)
);

Deno.bench("decode and apply a decision and its End", { group: "replay", baseline: true }, () => {
  for (const body of [committing!, end!]) model.apply(decodeRecord(body)!);
});

const frames = new FrameBatch();
for (const body of [committing!, end!]) frames.add(body);
const scanner = new SegmentScanner(2);
scanner.reserve(frames.length);
scanner.bytes().set(frames.seal(1, 0, 0));
scanner.scan(0, frames.length, 1, 0);
const table = scanner.table().slice();
const bytes = scanner.bytes().slice();

Deno.bench("replay a decision and its End where they lie", { group: "replay" }, () => {
  model.replay(bytes, table, 0, 2);
});

/**
 * Another transaction in each iteration, and its gid is looked into: what is made of the same parts each time the
 * compiler makes once, and what nobody reads V8 leaves in its parts.
 */
const IDS = Array.from({ length: 1024 }, (_, index) => String(TXN + BigInt(index)));
const GIDS = IDS.map((id) => makeGid(PREFIX, id, 0));
const LAST = GIDS[0]!.length - 1;
let turn = 0;
let sum = 0;

Deno.bench("join a gid", { group: "gid", baseline: true }, () => {
  sum += `indoubt_${COORDINATOR}_${IDS[++turn & 1023]!}_${turn & 7}`.charCodeAt(LAST);
});

Deno.bench("make a gid", { group: "gid" }, () => {
  sum += makeGid(PREFIX, IDS[++turn & 1023]!, turn & 7).charCodeAt(LAST);
});

Deno.bench("read the transaction out of a gid", { group: "gid" }, () => {
  if (transactionOfGid(COORDINATOR, GIDS[++turn & 1023]!) !== null) sum++;
});
