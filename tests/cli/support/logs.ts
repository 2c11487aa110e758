/**
 * Small logs to look into: made by the log itself with a fixed clock and fixed randomness, so that every byte
 * of them is known, or by hand from the plain frames of the tests' own oracle.
 */

import type { Platform } from "../../../src/platform/platform.ts";
import { denoPlatform } from "../../../src/platform/platform.ts";
import { LiveState } from "../../../src/wal/decisions/live_state.ts";
import { encodeRecord, type LogRecord } from "../../../src/wal/decisions/record.ts";
import { encodeSegmentHeader } from "../../../src/wal/format.ts";
import { encodeHead, type HeadRecord } from "../../../src/wal/head.ts";
import { Log } from "../../../src/wal/log.ts";
import { segmentName } from "../../../src/wal/segment_name.ts";
import { makeFrame } from "../../wal/scan_oracle.ts";

/** Id of every log that is made here. */
export const ID = "k3j9x0w2m4t7";

/** When every one is opened. */
export const STARTED = "2026-11-21T12:00:00.000Z";

const ID_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz";
const SALT = 0x1234abcd;

/** This machine, but for time and randomness, which stand still. */
export const steadyPlatform: Platform = {
  ...denoPlatform,
  clock: { ...denoPlatform.clock, now: () => Date.parse(STARTED) },
  randomness: {
    fill: (bytes) => bytes.set(Array.from(ID.slice(0, bytes.length), (c) => ID_LETTERS.indexOf(c))),
    fraction: () => 0.5,
  },
  processId: 4711,
};

/** An empty directory that goes away with the test. */
export class TestDirectory implements AsyncDisposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "indoubt_cli_" });

  /** Another directory with the same files. */
  copy(): TestDirectory {
    const copy = new TestDirectory();
    for (const name of this.names()) copy.put(name, this.bytesOf(name));
    return copy;
  }

  /** Path of a file in it. */
  at(name: string): string {
    return `${this.path}/${name}`;
  }

  /** Writes a file. */
  put(name: string, bytes: Uint8Array): void {
    Deno.writeFileSync(this.at(name), bytes);
  }

  /** Removes a file. */
  remove(name: string): void {
    Deno.removeSync(this.at(name));
  }

  /** A file's bytes. */
  bytesOf(name: string): Uint8Array<ArrayBuffer> {
    return Deno.readFileSync(this.at(name));
  }

  /** Names of the files, sorted. */
  names(): string[] {
    return Array.from(Deno.readDirSync(this.path), ({ name }) => name).sort();
  }

  /** Names of the segments, sorted. */
  segments(): string[] {
    return this.names().filter((name) => /^[0-9]{20}\.wal$/.test(name));
  }

  /** Turns one bit of a file. */
  flip(name: string, offset: number, bit = 0): void {
    const bytes = this.bytesOf(name);
    bytes[offset] = (bytes[offset] ?? 0) ^ 1 << bit;
    this.put(name, bytes);
  }

  /** Everything that a reader could have changed: names, bytes, times of change, modes. */
  trace(): Record<string, unknown> {
    const files = this.names().map((name) => {
      const { mtime, ctime, mode, size } = Deno.statSync(this.at(name));
      return [name, { mtime, ctime, mode, size, bytes: this.bytesOf(name) }];
    });
    const { mtime, ctime } = Deno.statSync(this.path);
    return { ...Object.fromEntries(files), "": { mtime, ctime } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Opens a log there, appends, and closes it. Gives the opening's number. */
export async function writeLog(
  directory: TestDirectory,
  records: readonly LogRecord[] = [],
): Promise<number> {
  const options = { directory: directory.path, platform: steadyPlatform, model: new LiveState() };
  await using log = await Log.open(options);
  for (const record of records) await log.append(record);
  return log.epoch;
}

/** A record about a transaction over two databases. */
export function decision(
  txn: bigint,
  type: "begin" | "committing" = "committing",
): Extract<LogRecord, { type: "begin" | "committing" }> {
  const branches = ["orders", "billing"].map((participant, index) => ({
    participant,
    gid: `indoubt_${ID}_${txn}_${index}`,
    token: index === 0 ? "742" : null,
  }));
  return { type, txn, branches };
}

/** The databases of {@linkcode decision}. */
export const PARTICIPANTS: readonly LogRecord[] = ["orders", "billing"].map((name) => ({
  type: "participant",
  name,
  kind: "postgresql",
  identity: `postgresql:7301/5/${name}`,
}));

/** The records that open a segment made by hand. */
export function opening(
  epoch = 1,
  active: readonly bigint[] = [],
  restated = true,
): Uint8Array[] {
  const first: HeadRecord = {
    type: "epoch",
    id: ID,
    epoch,
    started: STARTED,
    opening: 2,
    restated,
  };
  const transactions = active.map((txn) => ({ ...decision(txn), decided: true }));
  return [
    encodeHead(first),
    encodeRecord({
      type: "checkpoint",
      active: transactions.map(({ txn, decided, branches }) => ({ txn, decided, branches })),
      participants: [],
    }),
  ];
}

/** A segment made by hand, and where its frames begin; the last offset is its length. */
export interface MadeSegment {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly offsets: readonly number[];
}

/** Makes a segment of bodies in batches, each of which was synced before the next was written. */
export function makeSegment(
  batches: readonly (readonly Uint8Array[])[],
  firstLsn = 0,
): MadeSegment {
  const parts: Uint8Array[] = [encodeSegmentHeader(SALT, firstLsn)];
  const offsets = [16];
  let lsn = firstLsn;
  for (const batch of batches) {
    for (const [unsynced, body] of batch.entries()) {
      const frame = makeFrame(body, unsynced, SALT, lsn++);
      parts.push(frame);
      offsets.push((offsets.at(-1) ?? 0) + frame.length);
    }
  }
  const bytes = Uint8Array.from(parts.flatMap((part) => [...part]));
  return { name: segmentName(firstLsn), bytes, offsets };
}

/** Batches of one record each. */
export function each(...records: readonly LogRecord[]): Uint8Array[][] {
  return records.map((record) => [encodeRecord(record)]);
}
