/**
 * Measures the byte work of the log: checksums, sealing a frame, scanning a segment. Baselines are what the
 * runtime has itself: the crc32 of zlib, which has other constants and the same work, and a copy of the same
 * bytes, which is the least that anything with them costs.
 *
 * To read the scan as a rate: one iteration reads 1 MiB.
 */

import { crc32 } from "node:zlib";
import { crc32c, FrameBuffer, HEADER_LENGTH, SegmentScanner } from "../src/wal/core.ts";

const BODY_LENGTH = 88;
const FRAME_LENGTH = HEADER_LENGTH + BODY_LENGTH;
const SEGMENT_LENGTH = 1024 * 1024;
const SALT = 0x5a5a5a5a;

for (const length of [16, 100, 4096, SEGMENT_LENGTH]) {
  const data = Uint8Array.from({ length }, (_, index) => index * 7);
  const group = `checksum of ${length} bytes`;

  Deno.bench(`crc32 of zlib, ${length} bytes`, { group, baseline: true }, () => {
    crc32(data);
  });

  Deno.bench(`crc32c, ${length} bytes`, { group }, () => {
    crc32c(data);
  });
}

const buffer = new FrameBuffer(FRAME_LENGTH);
const body = new Uint8Array(BODY_LENGTH).fill(5);

const copy = new Uint8Array(FRAME_LENGTH);

Deno.bench("copy a body", { group: "seal", baseline: true }, () => {
  copy.set(body, HEADER_LENGTH);
});

Deno.bench("seal a frame of 100 bytes", { group: "seal" }, () => {
  buffer.seal(0, BODY_LENGTH, 0, SALT, 123_456);
});

Deno.bench("copy a body in and seal it", { group: "seal" }, () => {
  buffer.bytes().set(body, HEADER_LENGTH);
  buffer.seal(0, BODY_LENGTH, 0, SALT, 123_456);
});

const scanner = filledScanner();

const segment = scanner.bytes().slice(0, SEGMENT_LENGTH);
const whole = new Uint8Array(SEGMENT_LENGTH);

Deno.bench("copy 1 MiB", { group: "scan", baseline: true }, () => {
  whole.set(segment);
});

Deno.bench("scan 1 MiB of frames of 100 bytes", { group: "scan" }, () => {
  scanner.scan(0, SEGMENT_LENGTH, SALT, 0);
});

Deno.bench("search 1 MiB of frames for a promise, in vain", { group: "scan" }, () => {
  scanner.findPromise(0, SEGMENT_LENGTH, SALT + 1, 0);
});

/** A scanner that holds 1 MiB of frames, sealed in place with LSNs from 0. */
function filledScanner(): SegmentScanner {
  const scanner = new SegmentScanner(16 * 1024);
  scanner.reserve(SEGMENT_LENGTH);
  using frames = new FrameBuffer(SEGMENT_LENGTH);
  frames.bytes().fill(5);
  const count = Math.floor(SEGMENT_LENGTH / FRAME_LENGTH);
  for (let lsn = 0; lsn < count; lsn++) {
    frames.seal(lsn * FRAME_LENGTH, BODY_LENGTH, 0, SALT, lsn);
  }
  scanner.bytes().set(frames.bytes());
  if (scanner.scan(0, SEGMENT_LENGTH, SALT, 0) !== count) throw new Error("Cannot scan the frames");
  return scanner;
}
