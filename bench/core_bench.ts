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

const FRAMES = 100;
const buffer = new FrameBuffer(FRAMES * FRAME_LENGTH);
const body = new Uint8Array(BODY_LENGTH).fill(5);
putFrames(buffer, FRAMES);

const copy = new Uint8Array(FRAMES * FRAME_LENGTH);

Deno.bench("copy 100 bodies", { group: "seal", baseline: true }, () => {
  for (let index = 0; index < FRAMES; index++) copy.set(body, index * FRAME_LENGTH + HEADER_LENGTH);
});

Deno.bench("seal 100 frames of 100 bytes", { group: "seal" }, () => {
  buffer.seal(FRAMES, 0, SALT, 123_456);
});

Deno.bench("put 100 bodies and seal them", { group: "seal" }, () => {
  putFrames(buffer, FRAMES);
  buffer.seal(FRAMES, 0, SALT, 123_456);
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
  const count = Math.floor(SEGMENT_LENGTH / FRAME_LENGTH);
  putFrames(frames, count);
  frames.seal(count, 0, SALT, 0);
  scanner.bytes().set(frames.bytes());
  if (scanner.scan(0, SEGMENT_LENGTH, SALT, 0) !== count) throw new Error("Cannot scan the frames");
  return scanner;
}

/** Puts frames of the same body from the start of the buffer. */
function putFrames(buffer: FrameBuffer, count: number): void {
  for (let index = 0, offset = 0; index < count; index++) offset = buffer.put(offset, body);
}
