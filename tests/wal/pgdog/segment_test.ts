/**
 * Proves that pgdog's segments are read as pgdog's own code reads them: every record and every end
 * of the fixtures, and of logs made like them.
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import type { PgdogRecord } from "../../../src/wal/pgdog/record.ts";
import { type PgdogSegmentEnd, readPgdogSegment } from "../../../src/wal/pgdog/segment.ts";
import { type ExpectedRecord, fixture, FIXTURES, onlySegment } from "./fixtures.ts";
import {
  array,
  begin,
  checkpoint,
  committing,
  end,
  frame,
  join,
  segment,
  text,
  uint,
} from "./frames.ts";

/** What was read, in the words of `expected.json`. */
function readAsExpected(bytes: Uint8Array, firstLsn: number): Record<string, unknown> {
  const records: ExpectedRecord[] = [];
  const read = readPgdogSegment(bytes, firstLsn, (record, place) => {
    const { lsn, offset, length, tag } = place;
    records.push({ lsn: String(lsn), offset, length, tag, ...describe(record) });
  });
  const { lastGoodOffset } = read;
  return {
    ...(lastGoodOffset === null ? {} : { lastGoodOffset }),
    records,
    end: describeEnd(read.end),
  };
}

function describe(
  record: PgdogRecord,
): Omit<ExpectedRecord, "lsn" | "offset" | "length" | "tag"> {
  const type = record.type.charAt(0).toUpperCase() + record.type.slice(1);
  if (record.type === "checkpoint") {
    return { type, active: record.active.map((one) => ({ ...one, txn: String(one.txn) })) };
  }
  return { ...record, type, txn: String(record.txn) };
}

function describeEnd(end: PgdogSegmentEnd): Record<string, unknown> {
  switch (end.kind) {
    case "torn_tail":
      return { ...end };
    case "crc": {
      const [stored, computed] = [end.stored, end.computed]
        .map((checksum) => checksum.toString(16).padStart(8, "0"));
      return { kind: end.kind, stored, computed };
    }
    case "invalid_tag":
      return { kind: end.kind, tag: end.tag };
    default:
      return { kind: end.kind };
  }
}

function endOf(bytes: Uint8Array): PgdogSegmentEnd {
  return readPgdogSegment(bytes, 0, () => {}).end;
}

Deno.test("pgdog's segments: every file of the fixtures reads as expected", async (t) => {
  for (const { name, files, expected } of FIXTURES) {
    await t.step(name, () => {
      assertEquals(expected.segments.map(({ file }) => file).sort(), [...files.keys()].sort());
      for (const { file, size, startLsn, ignored, ...content } of expected.segments) {
        const bytes = files.get(file) ?? new Uint8Array();
        assertEquals(bytes.length, size);
        if (ignored) continue;
        const read = readAsExpected(bytes, Number(startLsn));
        assertEquals(read, { ...content });
      }
    });
  }
});

Deno.test("pgdog's segments: the encoder of these tests writes what pgdog wrote", () => {
  const records = [101, 102, 103, 104].flatMap((txn) => [begin(txn), committing(txn), end(txn)]);
  assertEquals(segment(...records, begin(105), end(105)), onlySegment("01-clean"));
  const active = (first: number, length: number) =>
    Array.from({ length }, (_, index) => ({ txn: first + index, decided: index % 2 === 0 }));
  const checkpoints = segment(checkpoint(...active(7300, 15)), checkpoint(...active(7400, 16)));
  assertEquals(checkpoints, onlySegment("07b-checkpoint-16-entries"));
});

Deno.test("pgdog's segments: the last record cut at each byte is a torn tail", () => {
  const whole = join(onlySegment("05-torn-tail-keep-16"), [0]);
  const start = 113;
  assertEquals(endOf(whole.subarray(0, start)), { kind: "clean", offset: start });
  for (let kept = 1; kept < whole.length - start; kept++) {
    const read = readPgdogSegment(whole.subarray(0, start + kept), 0, () => {});
    assertEquals(read.end, { kind: "torn_tail", offset: start, unconsumed: kept });
    assertEquals([read.lastGoodOffset, read.nextLsn], [start, 3]);
  }
});

Deno.test("pgdog's segments: zeros at the end are a torn tail below 8 and an empty record from 8", () => {
  const whole = onlySegment("02-inflight-undecided");
  for (const count of [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 511, 512, 4095, 65_536]) {
    assertEquals(
      endOf(join(whole, new Uint8Array(count))),
      count < 8
        ? { kind: "torn_tail", offset: whole.length, unconsumed: count }
        : { kind: "empty_record", offset: whole.length },
    );
  }
});

Deno.test("pgdog's segments: a flipped bit ends them at its record and nowhere else", () => {
  for (const name of ["01-clean", "02-inflight-undecided", "03-inflight-decided"]) {
    const whole = onlySegment(name);
    const places = fixture(name).expected.segments[0]?.records ?? [];
    for (let bit = 0; bit < 8 * whole.length; bit++) {
      const bytes = Uint8Array.from(whole);
      const byte = bit >> 3;
      bytes[byte] = (bytes[byte] ?? 0) ^ 1 << (bit & 7);
      const hit = places.findIndex(({ offset, length }) =>
        byte >= offset && byte < offset + length
      );
      const seen = readPgdogSegment(bytes, 0, () => {});
      if (byte < 4) assertEquals(seen.end.kind, "bad_segment_header");
      else if (byte < 16) assertEquals(seen.end.kind, "clean");
      else {
        assertEquals([seen.nextLsn, seen.lastGoodOffset], [hit, places[hit]?.offset]);
        const inLength = byte - (places[hit]?.offset ?? 0) < 4;
        const kinds = inLength ? ["torn_tail", "crc", "empty_record"] : ["crc"];
        assert(kinds.includes(seen.end.kind), `${seen.end.kind} at bit ${bit}`);
      }
    }
  }
});

Deno.test("pgdog's segments: checksum and tag are looked at before the payload", () => {
  const rubbish = [0xc1, 0xc1];
  for (const tag of [0, 5, 9, 255]) {
    const bytes = segment(begin(1), frame(tag, rubbish), begin(2));
    assertEquals(endOf(bytes), { kind: "invalid_tag", offset: 54, tag });
  }
  for (const tag of [1, 2, 3, 4]) {
    assertEquals(endOf(segment(begin(1), frame(tag, rubbish), begin(2))).kind, "decode");
    assertEquals(endOf(segment(frame(tag, []))).kind, "decode");
  }
  const bad = frame(9, rubbish);
  bad[4] = (bad[4] ?? 0) ^ 1;
  assertEquals(endOf(segment(bad)).kind, "crc");
});

Deno.test("pgdog's segments: a header is its first four bytes and as long as sixteen", () => {
  assertEquals(endOf(segment()), { kind: "clean", offset: 16 });
  for (let length = 0; length < 16; length++) {
    assertEquals(endOf(segment().subarray(0, length)).kind, "bad_segment_header");
  }
  assertEquals(endOf(new Uint8Array(100)).kind, "bad_segment_header");
});

Deno.test("pgdog's segments: long checkpoints, arrays as payloads and bytes behind them are read", () => {
  const active = Array.from({ length: 70_000 }, (_, txn) => ({ txn, decided: txn % 3 === 0 }));
  const entries = active.map(({ txn, decided }) =>
    array(uint(txn), text("app"), text("shop"), [decided ? 0xc3 : 0xc2])
  );
  const list = join([0xdd, 0, 1, 0x11, 0x70], ...entries);
  const seen: PgdogRecord[] = [];
  const bytes = segment(
    frame(1, join(array(uint(7), text("größe"), text("")), [1, 2, 0xc1])),
    frame(4, join([0x91], list, [0xff])),
    frame(2, array(uint(6))),
  );
  assertEquals(readPgdogSegment(bytes, 0, (record) => seen.push(record)).end.kind, "clean");
  assertEquals(seen, [
    { type: "begin", txn: 7n, user: "größe", database: "" },
    {
      type: "checkpoint",
      active: active.map(({ txn, decided }) => (
        { txn: BigInt(txn), user: "app", database: "shop", decided }
      )),
    },
    { type: "committing", txn: 6n },
  ]);
});

Deno.test("pgdog's segments: what is handed out keeps its value when the bytes change", () => {
  const bytes = segment(begin(1, "alice", "shop"));
  const seen: PgdogRecord[] = [];
  readPgdogSegment(bytes, 0, (record) => seen.push(record));
  bytes.fill(0);
  assertEquals(seen, [{ type: "begin", txn: 1n, user: "alice", database: "shop" }]);
});

Deno.test("pgdog's segments: numbers beyond the safe integers are refused", () => {
  const lsns: number[] = [];
  const read = (firstLsn: number) =>
    readPgdogSegment(segment(begin(1), end(1)), firstLsn, (_, { lsn }) => lsns.push(lsn));
  read(Number.MAX_SAFE_INTEGER - 2);
  assertEquals(lsns, [Number.MAX_SAFE_INTEGER - 2, Number.MAX_SAFE_INTEGER - 1]);
  for (const firstLsn of [Number.MAX_SAFE_INTEGER - 1, 2 ** 53, NaN, 0.5]) {
    assertThrows(() => read(firstLsn), RangeError, "Cannot read a segment of pgdog: its records");
  }
});
