/**
 * Proves the WebAssembly core against known vectors and against oracles in plain TypeScript, and
 * that no argument and no bytes break it. Random tests print their seed when they fail; set
 * INDOUBT_SEED to run one again.
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  crc32c,
  crc32cAppend,
  FrameBuffer,
  HEADER_LENGTH,
  MAX_BODY_LENGTH,
  MAX_UNSYNCED,
  NO_PROMISE,
  SegmentScanner,
  StopKind,
  TABLE_COLUMNS,
} from "../../src/wal/core.ts";
import { crc32cOracle } from "./crc32c_oracle.ts";
import { joined } from "./sample_segment.ts";
import { findPromiseOracle, makeFrame, type Scan, scanOracle } from "./scan_oracle.ts";

const SALT = 0xfeedc0de;
const LSNS = [0, 1, 70_000, 2 ** 32 - 3, 2 ** 32, 2 ** 40 + 5, 2 ** 53 - 4] as const;

/** Seeded random numbers (mulberry32). */
class Random {
  constructor(private state: number) {}

  below(limit: number): number {
    this.state = this.state + 0x6d2b79f5 | 0;
    let value = Math.imul(this.state ^ this.state >>> 15, 1 | this.state);
    value = value + Math.imul(value ^ value >>> 7, 61 | value) ^ value;
    return Math.floor(((value ^ value >>> 14) >>> 0) / 2 ** 32 * limit);
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}

function randomTest(name: string, rounds: number, body: (random: Random) => void): void {
  Deno.test(name, () => {
    const given = Deno.env.get("INDOUBT_SEED");
    const first = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
    for (let seed = first; seed < first + (given === undefined ? rounds : 1); seed++) {
      try {
        body(new Random(seed));
      } catch (error) {
        throw new Error(`${name}: INDOUBT_SEED=${seed}`, { cause: error });
      }
    }
  });
}

/** A segment of random small frames, written in batches that end with a sync. */
function randomFrames(random: Random, lsn: number, most: number): Uint8Array<ArrayBuffer>[] {
  let unsynced = 0;
  return Array.from({ length: 1 + random.below(most) }, (_, index) => {
    if (random.below(3) === 0) unsynced = 0;
    const promised = Math.min(unsynced++, lsn + index);
    return makeFrame(random.bytes(1 + random.below(20)), promised, SALT, lsn + index);
  });
}

/** Damages a segment as disks and crashes do. */
function damage(random: Random, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const at = random.below(bytes.length);
  switch (random.below(5)) {
    case 0:
      bytes[at]! ^= 1 << random.below(8);
      return bytes;
    case 1:
      return bytes.subarray(0, at);
    case 2:
      return bytes.fill(0, at);
    case 3:
      return bytes.fill(random.below(256), at, at + random.below(40));
    default:
      return joined([bytes, random.bytes(random.below(40))]);
  }
}

/** What the oracle knows of a frame; the rest of the table is told by `plain_record_test.ts`. */
const ORACLE_COLUMNS = 4;

function load(scanner: SegmentScanner, bytes: Uint8Array): void {
  scanner.reserve(bytes.length);
  scanner.bytes().set(bytes);
}

function scanned(
  scanner: SegmentScanner,
  start: number,
  end: number,
  salt: number,
  lsn: number,
): Scan {
  const count = scanner.scan(start, end, salt, lsn);
  const table = scanner.table();
  const rows = Array.from({ length: count }, (_, index) => {
    return [...table.subarray(index * TABLE_COLUMNS, index * TABLE_COLUMNS + ORACLE_COLUMNS)];
  });
  const [kind, offset, next] = [scanner.stopKind(), scanner.stopOffset(), scanner.stopLsn()];
  return { rows, kind, offset, lsn: next };
}

function search(bytes: Uint8Array, from: number, lsn: number): [number, number] {
  using scanner = new SegmentScanner(1);
  load(scanner, bytes);
  const offset = scanner.findPromise(from, bytes.length, SALT, lsn);
  return [offset, scanner.foundLsn()];
}

Deno.test("the limits are those of the format", () => {
  assertEquals([HEADER_LENGTH, MAX_BODY_LENGTH, MAX_UNSYNCED], [16, 16_777_216, 65_535]);
});

Deno.test("crc32c gives the published values", () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, index) => index);
  assertEquals(crc32c(new Uint8Array()), 0);
  assertEquals(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assertEquals(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assertEquals(crc32c(ascending), 0x46dd794e);
  assertEquals(crc32c(ascending.toReversed()), 0x113fdb5c);
  assertEquals(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
});

randomTest("crc32c agrees with the oracle at every alignment", 3, (random) => {
  using buffer = new FrameBuffer(512);
  const data = random.bytes(512);
  buffer.bytes().set(data);
  for (let start = 0; start < 16; start++) {
    for (let length = 0; length < 64; length++) {
      const crc = random.below(2 ** 32);
      const part = data.subarray(start, start + length);
      const expected = crc32cOracle(part, crc);
      assertEquals(crc32cAppend(crc, part), expected);
      assertEquals(buffer.crc32c(crc, start, length), expected);
    }
  }
});

randomTest("crc32c agrees with the oracle on long data and in parts", 3, (random) => {
  for (const length of [65_535, 65_536, 65_537, 131_072, 200_003]) {
    const data = random.bytes(length);
    const expected = crc32cOracle(data);
    assertEquals(crc32c(data), expected);
    const cut = random.below(length);
    assertEquals(crc32cAppend(crc32c(data.subarray(0, cut)), data.subarray(cut)), expected);
  }
});

Deno.test("views are right across growth of the memory", () => {
  using buffer = new FrameBuffer(100);
  buffer.bytes().fill(7);
  const before = buffer.bytes();
  using scanner = new SegmentScanner(10);
  load(scanner, new Uint8Array(40 * 1024 * 1024).fill(9));
  assertEquals(before.length, 0, "the memory did not grow: this test tests nothing");
  assertEquals(buffer.bytes(), new Uint8Array(100).fill(7));
  buffer.reserve(48 * 1024 * 1024);
  assertEquals(buffer.capacity(), 48 * 1024 * 1024);
  assertEquals(
    buffer.bytes().subarray(0, 101),
    joined([new Uint8Array(100).fill(7), new Uint8Array(1)]),
  );
  assertEquals(scanner.bytes()[40 * 1024 * 1024 - 1], 9);
  assertEquals(scanner.table().length, 10 * TABLE_COLUMNS);
  assertEquals(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
  buffer.reserve(10);
  assertEquals(buffer.capacity(), 48 * 1024 * 1024, "reserve never shrinks");
});

randomTest("seal writes the headers and nothing else", 200, (random) => {
  using buffer = new FrameBuffer(4096);
  const lsn = random.of(LSNS);
  const unsynced = random.below(Math.min(lsn, MAX_UNSYNCED - 4) + 1);
  const salt = random.below(2 ** 32);
  const bodies = Array.from({ length: random.below(5) }, () => random.bytes(1 + random.below(100)));
  const frames = joined(
    bodies.map((body, index) => makeFrame(body, unsynced + index, salt, lsn + index)),
  );
  const expected = random.bytes(4096);
  buffer.bytes().set(expected);
  const end = bodies.reduce((offset, body) => buffer.put(offset, body), 0);
  assertEquals([end, buffer.seal(bodies.length, unsynced, salt, lsn)], [
    frames.length,
    frames.length,
  ]);
  expected.set(frames);
  assertEquals(buffer.bytes(), expected);
});

randomTest("seal makes the checksums of the oracle for bodies of every length", 3, (random) => {
  using buffer = new FrameBuffer(1);
  const lsn = random.of(LSNS);
  for (let length = 1; length <= 150; length++) {
    const body = random.bytes(length);
    buffer.put(0, body);
    const end = buffer.seal(1, 0, SALT, lsn);
    assertEquals(buffer.bytes().subarray(0, end), makeFrame(body, 0, SALT, lsn), `${length}`);
  }
});

Deno.test("put makes the buffer grow and keeps what is in it", () => {
  using buffer = new FrameBuffer(1);
  const bodies = [1, 50, 7, 3000].map((length) => new Uint8Array(length).fill(length));
  bodies.reduce((offset, body) => buffer.put(offset, body), 0);
  const end = buffer.seal(bodies.length, 2, SALT, 9);
  const frames = joined(bodies.map((body, index) => makeFrame(body, 2 + index, SALT, 9 + index)));
  assertEquals(buffer.bytes().subarray(0, end), frames);
});

Deno.test("seal and scan take the longest body", () => {
  using buffer = new FrameBuffer(HEADER_LENGTH + MAX_BODY_LENGTH);
  buffer.put(0, new Uint8Array(MAX_BODY_LENGTH).fill(3));
  const end = buffer.seal(1, 0, SALT, 5);
  using scanner = new SegmentScanner(2);
  load(scanner, buffer.bytes().subarray(0, end));
  assertEquals(scanned(scanner, 0, end, SALT, 5).rows, [[0, MAX_BODY_LENGTH, 0, 3]]);
  buffer.put(0, new Uint8Array(MAX_BODY_LENGTH + 1));
  assertThrows(() => buffer.seal(1, 0, SALT, 5), RangeError, "does not hold 1 of them");
});

randomTest("scan agrees with the oracle on whole and damaged segments", 400, (random) => {
  const lsn = random.of(LSNS);
  const start = random.below(20);
  let bytes = joined([random.bytes(start), ...randomFrames(random, lsn, 12)]);
  if (random.below(5) > 0) bytes = damage(random, bytes);
  const range = { start: Math.min(start, bytes.length), end: bytes.length };
  const maxFrames = 1 + random.below(14);
  using scanner = new SegmentScanner(maxFrames);
  load(scanner, joined([bytes, random.bytes(50)]));
  assertEquals(
    scanned(scanner, range.start, range.end, SALT, lsn),
    scanOracle(bytes, range, SALT, lsn, maxFrames),
  );
});

Deno.test("scan says why it ended", () => {
  const good = makeFrame(new Uint8Array([1, 2]), 0, SALT, 10);
  const next = (promise: number, lsn = 11) => makeFrame(new Uint8Array([4]), promise, SALT, lsn);
  const header = (length: number) => new Uint8Array(Uint32Array.of(SALT, length, 0, 0).buffer);
  const otherUse = makeFrame(new Uint8Array([4]), 0, SALT + 1, 11);
  const cases: [number, Uint8Array][] = [
    [StopKind.Clean, new Uint8Array()],
    ...[1, 2, 3, 4, 15].map((length) =>
      [StopKind.ShortHeader, header(1).subarray(0, length)] as [number, Uint8Array]
    ),
    ...[1, 2, 3, 4, 15, 17].map((length) =>
      [StopKind.OtherSalt, otherUse.subarray(0, length)] as [number, Uint8Array]
    ),
    [StopKind.OtherSalt, new Uint8Array(16)],
    [StopKind.ZeroLength, header(0)],
    [StopKind.TooLong, header(MAX_BODY_LENGTH + 1)],
    [StopKind.TooLong, header(2 ** 32 - 1)],
    [StopKind.PastEnd, header(1)],
    [StopKind.PastEnd, header(MAX_BODY_LENGTH)],
    [StopKind.Checksum, next(0, 12)],
    [StopKind.Checksum, next(0, 11 + 2 ** 32)],
    [StopKind.ImpossiblePromise, next(12)],
    [StopKind.TableFull, joined([next(11), next(12, 12)])],
  ];
  for (const [kind, rest] of cases) {
    using scanner = new SegmentScanner(2);
    const bytes = joined([good, rest]);
    load(scanner, bytes);
    const found = scanned(scanner, 0, bytes.length, SALT, 10);
    assertEquals(found.kind, kind, `kind ${kind}`);
    assertEquals(found, scanOracle(bytes, { start: 0, end: bytes.length }, SALT, 10, 2));
  }
  const far = makeFrame(new Uint8Array([4]), MAX_UNSYNCED + 1, SALT, 2 ** 20);
  using scanner = new SegmentScanner(2);
  load(scanner, far);
  assertEquals(scanned(scanner, 0, 17, SALT, 2 ** 20).kind, StopKind.ImpossiblePromise);
  assertEquals(scanned(scanner, 0, 17, SALT, 2 ** 20 + 1).kind, StopKind.Checksum);
});

Deno.test("scan goes on after a full table", () => {
  const frames = Array.from({ length: 10 }, (_, index) => {
    return makeFrame(new Uint8Array(index + 1).fill(index), 0, SALT, 100 + index);
  });
  const bytes = joined(frames);
  using scanner = new SegmentScanner(4);
  load(scanner, bytes);
  const tags: number[] = [];
  let found = scanned(scanner, 0, bytes.length, SALT, 100);
  for (; found.kind === StopKind.TableFull;) {
    tags.push(...found.rows.map((row) => row[3]!));
    found = scanned(scanner, found.offset, bytes.length, SALT, found.lsn);
  }
  tags.push(...found.rows.map((row) => row[3]!));
  assertEquals(tags, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertEquals([found.kind, found.offset, found.lsn], [StopKind.Clean, bytes.length, 110]);
});

Deno.test("the last LSN is the largest safe integer", () => {
  const last = Number.MAX_SAFE_INTEGER;
  const bytes = joined([
    makeFrame(new Uint8Array([1]), 0, SALT, last),
    makeFrame(new Uint8Array([2]), 0, SALT, last + 1),
  ]);
  using scanner = new SegmentScanner(5);
  load(scanner, bytes);
  const found = scanned(scanner, 0, bytes.length, SALT, last);
  assertEquals([found.rows.length, found.kind, found.lsn], [1, StopKind.Checksum, 2 ** 53]);
});

randomTest("hasSalt sees every place", 50, (random) => {
  const bytes = new Uint8Array(4 + random.below(100));
  const at = random.below(bytes.length - 3);
  new DataView(bytes.buffer).setUint32(at, SALT, true);
  using scanner = new SegmentScanner(1);
  load(scanner, bytes);
  for (let offset = 0; offset <= bytes.length; offset++) {
    const end = offset + random.below(bytes.length - offset + 1);
    assertEquals(scanner.hasSalt(offset, end, SALT), offset <= at && at + 4 <= end);
    assertEquals(scanner.hasSalt(offset, end, SALT + 1), false);
  }
});

randomTest("findPromise agrees with trying everything", 400, (random) => {
  const lsn = random.of(LSNS);
  const bytes = damage(random, joined(randomFrames(random, lsn, 14)));
  const stop = scanOracle(bytes, { start: 0, end: bytes.length }, SALT, lsn, 1000);
  if (stop.lsn > Number.MAX_SAFE_INTEGER) return;
  const expected = findPromiseOracle(bytes, stop.offset, SALT, stop.lsn);
  assertEquals(
    search(bytes, stop.offset, stop.lsn),
    expected === undefined ? [NO_PROMISE, -1] : [expected.offset, expected.lsn],
  );
});

Deno.test("findPromise: a torn end is no corruption", () => {
  const body = new Uint8Array(30).fill(5);
  const torn = makeFrame(body, 0, SALT, 10).subarray(0, 25);
  assertEquals(search(torn, 0, 10), [NO_PROMISE, -1]);
  assertEquals(search(joined([torn, new Uint8Array(5000)]), 0, 10), [NO_PROMISE, -1]);
  const stale = [20, 21, 22].map((lsn) => makeFrame(body, 0, SALT + 1, lsn));
  assertEquals(search(joined([torn, ...stale]), 0, 10), [NO_PROMISE, -1]);
  assertEquals(search(new Uint8Array(), 0, 10), [NO_PROMISE, -1]);
});

Deno.test("findPromise: blocks out of order are no corruption, a promise behind them is", () => {
  const body = new Uint8Array(30).fill(5);
  const lost = new Uint8Array(HEADER_LENGTH + 30);
  const batch = [1, 2, 3].map((unsynced) => makeFrame(body, unsynced, SALT, 10 + unsynced));
  const unpromised = joined([lost, ...batch]);
  assertEquals(search(unpromised, 0, 10), [NO_PROMISE, -1]);
  const later = makeFrame(body, 0, SALT, 14);
  assertEquals(search(joined([unpromised, later]), 0, 10), [unpromised.length, 14]);
  const shortest = makeFrame(new Uint8Array(1), 0, SALT, 14);
  assertEquals(search(joined([unpromised, shortest]), 0, 10), [unpromised.length, 14]);
  const partly = makeFrame(body, 3, SALT, 14);
  assertEquals(search(joined([unpromised, partly]), 0, 10), [unpromised.length, 14]);
  const notYet = makeFrame(body, 4, SALT, 14);
  assertEquals(search(joined([unpromised, notYet]), 0, 10), [NO_PROMISE, -1]);
});

Deno.test("findPromise: a damaged length hides nothing", () => {
  for (const lsn of LSNS) {
    const body = new Uint8Array(30).fill(5);
    const frames = [0, 1, 2].map((index) => makeFrame(body, 0, SALT, lsn + index));
    for (let bit = 32; bit < 64; bit++) {
      const bytes = joined(frames);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      assertEquals(search(bytes, 0, lsn), [46, lsn + 1], `bit ${bit}, LSN ${lsn}`);
    }
  }
});

randomTest("findPromise agrees with trying everything on long frames", 20, (random) => {
  const lsn = random.of(LSNS);
  const frames = [0, 1, 2].map((index) => {
    const unsynced = Math.min(lsn + index, random.below(3));
    return makeFrame(random.bytes(200 + random.below(400)), unsynced, SALT, lsn + index);
  });
  const bytes = damage(random, joined([new Uint8Array(20), ...frames]));
  const expected = findPromiseOracle(bytes, 0, SALT, lsn);
  assertEquals(search(bytes, 0, lsn), [expected?.offset ?? NO_PROMISE, expected?.lsn ?? -1]);
});

Deno.test("findPromise: a refused search forgets what the one before found", () => {
  using scanner = new SegmentScanner(1);
  load(scanner, joined([new Uint8Array(17), makeFrame(new Uint8Array(1), 0, SALT, 11)]));
  assertEquals(scanner.findPromise(0, 34, SALT, 10), 17);
  assertThrows(() => scanner.findPromise(0, 35, SALT, 10), RangeError);
  assertEquals(scanner.foundLsn(), -1);
});

Deno.test("findPromise: finds a frame of the longest length", () => {
  const frame = makeFrame(new Uint8Array(MAX_BODY_LENGTH).fill(6), 0, SALT, 11);
  assertEquals(search(joined([new Uint8Array(17), frame]), 0, 10), [17, 11]);
});

Deno.test("findPromise: is quick on 16 MiB of any bytes", () => {
  const size = 16 * 1024 * 1024;
  using scanner = new SegmentScanner(1);
  scanner.reserve(size);
  const other = makeFrame(new Uint8Array(100).fill(5), 0, SALT + 1, 10);
  const elsewhere = makeFrame(new Uint8Array(100).fill(5), 0, SALT, 10);
  const filled = (frame: Uint8Array) => (bytes: Uint8Array) => {
    for (let at = 0; at + frame.length < size; at += frame.length) bytes.set(frame, at);
  };
  // So few numbers are left above this one that none fits a checksum by chance.
  const lsn = Number.MAX_SAFE_INTEGER - 5;
  const contents: Record<string, [salt: number, (bytes: Uint8Array) => void]> = {
    zeros: [SALT, (bytes) => bytes.fill(0)],
    "another use's frames": [SALT, filled(other)],
    "frames of another place": [SALT, filled(elsewhere)],
    "every 16th offset looks like a frame of 4 MiB": [SALT, (bytes) => {
      const words = new Uint32Array(bytes.buffer, bytes.byteOffset, size / 4);
      for (let at = 0; at < words.length; at += 4) words.set([SALT, 2 ** 22, at, 7], at);
    }],
    "every 4th offset looks like a frame of 4 KiB": [4096, (bytes) => {
      new Uint32Array(bytes.buffer, bytes.byteOffset, size / 4).fill(4096);
    }],
  };
  for (const [name, [salt, fill]] of Object.entries(contents)) {
    fill(scanner.bytes());
    const started = performance.now();
    assertEquals(scanner.findPromise(0, size, salt, lsn), NO_PROMISE, name);
    const seconds = (performance.now() - started) / 1000;
    assert(seconds < 20, `${name}: took ${seconds} s`);
  }
});

Deno.test("numbers out of range are refused and break nothing", () => {
  using buffer = new FrameBuffer(64);
  const end = buffer.put(buffer.put(0, Uint8Array.of(7)), new Uint8Array(30).fill(8));
  const before = buffer.bytes().slice();
  using scanner = new SegmentScanner(4);
  scanner.reserve(64);
  const wrong = [-1, 0.5, NaN, Infinity, -Infinity, 2 ** 32, 2 ** 53, 1e300];
  for (const value of wrong) {
    const calls: (() => unknown)[] = [
      () => buffer.seal(value, 0, 0, 0),
      () => buffer.seal(1, value, 0, 2 ** 40),
      () => buffer.seal(1, 0, value, 0),
      () => buffer.crc32c(value, 0, 1),
      () => buffer.crc32c(0, value, 1),
      () => buffer.crc32c(0, 0, value),
      () => crc32cAppend(value, new Uint8Array(1)),
      () => buffer.reserve(value),
      () => scanner.reserve(value),
      () => new FrameBuffer(value),
      () => new SegmentScanner(value),
      () => scanner.scan(value, 64, 0, 0),
      () => scanner.scan(0, value, 0, 0),
      () => scanner.scan(0, 64, value, 0),
      () => scanner.findPromise(value, 64, 0, 0),
      () => scanner.findPromise(0, value, 0, 0),
      () => scanner.findPromise(0, 64, value, 0),
      () => scanner.hasSalt(value, 64, 0),
      () => scanner.hasSalt(0, value, 0),
      () => scanner.hasSalt(0, 64, value),
    ];
    for (const call of calls) assertThrows(call, RangeError, "Cannot ", `${call} with ${value}`);
    if (value === 2 ** 32) continue;
    assertThrows(() => buffer.seal(1, 0, 0, value), RangeError, "LSN");
    assertThrows(() => scanner.scan(0, 64, 0, value), RangeError, "LSN");
    assertThrows(() => scanner.findPromise(0, 64, 0, value), RangeError, "LSN");
  }
  assertThrows(() => buffer.seal(3, 0, 0, 9), RangeError, "does not hold 3 of them");
  assertThrows(() => buffer.seal(2 ** 32 - 1, 0, 0, 9), RangeError, "unsynced is 0, nothing");
  assertThrows(() => buffer.seal(1, 6, 0, 5), RangeError, "unsynced is 6");
  assertThrows(() => buffer.seal(2, MAX_UNSYNCED, 0, 2 ** 40), RangeError, "unsynced is 65535");
  assertThrows(() => buffer.seal(2, 0, 0, Number.MAX_SAFE_INTEGER), RangeError, "LSN is");
  assertThrows(() => scanner.scan(5, 4, 0, 0), RangeError, "start is 5");
  assertThrows(() => scanner.scan(0, 65, 0, 0), RangeError, "end is 65");
  assertThrows(() => scanner.findPromise(0, 65, 0, 0), RangeError, "end is 65");
  assertThrows(() => scanner.hasSalt(0, 65, 0), RangeError, "end is 65");
  assertThrows(() => buffer.crc32c(0, 60, 5), RangeError, "offset is 60");
  assertThrows(() => buffer.crc32c(0, 2 ** 32 - 1, 2), RangeError, "offset is 4294967295");
  assertEquals(buffer.bytes(), before, "something was written");
  assertEquals(buffer.seal(2, 0, SALT, 3), end);
  load(scanner, buffer.bytes());
  assertEquals(scanned(scanner, 0, end, SALT, 3).rows, [[0, 1, 0, 7], [17, 30, 1, 8]]);
});

Deno.test("disposing twice is harmless, use after it is refused", () => {
  const buffer = new FrameBuffer(64);
  const scanner = new SegmentScanner(4);
  buffer[Symbol.dispose]();
  buffer[Symbol.dispose]();
  scanner[Symbol.dispose]();
  scanner[Symbol.dispose]();
  assertThrows(() => buffer.bytes(), TypeError, "disposed");
  assertThrows(() => buffer.seal(1, 0, 0, 0), TypeError, "disposed");
  assertThrows(() => buffer.put(0, new Uint8Array(1)), TypeError, "disposed");
  assertThrows(() => scanner.table(), TypeError, "disposed");
  assertThrows(() => scanner.scan(0, 0, 0, 0), TypeError, "disposed");
});
