/**
 * Builds of the log with one safeguard taken away each, and which of the tests must notice. A
 * safeguard is taken away by replacing a text that is there exactly once, so a canary cannot rot in
 * silence.
 */

/** A replacement in one file. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Tests that are run on a build, as arguments of Deno; the first failure ends them. */
export interface Suite {
  readonly name: string;
  readonly arguments: readonly string[];
}

/** One build. */
export interface Canary {
  /** The safeguard that is missing. */
  readonly name: string;
  readonly patches: readonly Patch[];
  readonly suite: Suite;
}

/** Puts the TypeScript core in the place of the WebAssembly one. The whole file is replaced. */
export const TYPESCRIPT_CORE = {
  file: "src/wal/core.ts",
  text: 'export * from "../../tests/canaries/typescript_core.ts";\n',
} as const;

const RANDOM_RUNS: Suite = {
  name: "random runs",
  arguments: [
    "run",
    "-A",
    "--no-check",
    "tasks/simulate.ts",
    "--of",
    "log",
    "--seeds",
    "1500",
    "--stop",
  ],
};

function tests(name: string, file: string, filter: string): Suite {
  const options = ["-A", "--no-check", "--fail-fast", "--filter", filter];
  return { name, arguments: ["test", ...options, file] };
}

const WRONG_PLACES = tests("frames in wrong places", "tests/wal/every_bit_test.ts", "wrong places");
const LONG_FRAMES = tests("long frames", "tests/fuzz/segment_fuzz_test.ts", "longer than any");
const POWER_CUTS = tests("power cuts", "tests/simulation/power_cut_test.ts", "behind each call");
const REUSE = tests("used segments", "tests/wal/left_segments_test.ts", "only when its new name");
const BEGINNINGS = tests(
  "segments that cannot be begun",
  "tests/wal/writer_failure_test.ts",
  "cannot be begun",
);
const LARGE_COMPANIES = tests(
  "large companies",
  "tests/wal/writer_overlap_test.ts",
  "what it has answered",
);
const TURNED_BITS = tests(
  "turned bits",
  "tests/simulation/rotting_disk_test.ts",
  "each turned bit",
);
const SECTORS = tests(
  "rotten sectors",
  "tests/simulation/rotting_disk_test.ts",
  "whichever sector",
);
const GAPS = tests("missing records", "tests/wal/recovery_damage_test.ts", "missing");
const READY = tests("segments made ready", "tests/wal/ready_segment_test.ts", "recoverLog");
const NUMBERS = tests("their numbers", "tests/wal/rotation_test.ts", "never reaches");
const VERDICTS = tests("verdicts", "tests/defects/recovery_test.ts", "D12");

const WRITER = "src/wal/writer.ts";
const SEGMENT_WRITER = "src/wal/segment_writer.ts";
const STATE = "src/wal/log_state.ts";
const CORE = "tests/canaries/typescript_core.ts";

/** Safeguards of the log itself. */
export const CANARIES: readonly Canary[] = [
  {
    name: "no fdatasync before the acknowledgement",
    patches: [{
      file: WRITER,
      find: "const syncing = this.#segment.sync(this.#overlap.isOn);",
      replace: "const syncing: Promise<void> | undefined = undefined;",
    }],
    suite: RANDOM_RUNS,
  },
  {
    name: "those who went ahead answered while they are under way",
    patches: [{
      file: WRITER,
      find: "if (!isDue) this.#write(this.#takeQueue());",
      replace: "if (!isDue) this.#write(this.#takeQueue());\n" +
        "const flight = this.#flight as Flight<Entry> | null;\n" +
        "flight?.taken.answer(flight.firstLsn);",
    }],
    suite: LARGE_COMPANIES,
  },
  {
    name: "no sync of the directory behind a new segment's name",
    patches: [{
      file: SEGMENT_WRITER,
      find: "      await fileSystem.syncDirectory(directory, isAwaited);\n",
      replace: "",
    }],
    suite: RANDOM_RUNS,
  },
  {
    name: "a failed fsync tried again on the same file",
    patches: [{
      file: SEGMENT_WRITER,
      find: "const syncing = this.#file.syncData(aside);",
      replace: "const sync = () => this.#file.syncData();\n" +
        "let syncing;\n" +
        "try { syncing = sync()?.catch(sync); } catch { syncing = sync(); }",
    }],
    suite: RANDOM_RUNS,
  },
  {
    name: "the old segment used again after a rename whose directory sync failed",
    patches: [{
      file: WRITER,
      find: "if (!(cause instanceof SegmentCreationError) || cause.named) {",
      replace: "if (!(cause instanceof SegmentCreationError)) {",
    }, {
      file: WRITER,
      find:
        "if (!(error instanceof SegmentCreationError) || !error.named) this.#nextLsn = follows;",
      replace: "this.#nextLsn = follows;",
    }],
    suite: BEGINNINGS,
  },
  {
    name: "an old segment overwritten before its new name is durable",
    patches: [{
      file: "src/wal/retire.ts",
      find: "    if (changed) await fileSystem.syncDirectory(directory);\n    left?.release();\n",
      replace:
        "    left?.release();\n    if (changed) await fileSystem.syncDirectory(directory);\n",
    }],
    suite: REUSE,
  },
  {
    name: "batches that promise that all records before them were synced",
    patches: [{
      file: "src/wal/frame_batch.ts",
      find: "firstLsn - synced",
      replace: "0 * synced",
    }],
    suite: POWER_CUTS,
  },
  {
    name: "verdicts not in the head of a new segment",
    patches: [{
      file: STATE,
      find: "const count = 1 + verdicts.length + ",
      replace: "const count = 1 + ",
    }, {
      file: STATE,
      find: "this.#bodies([epoch, ...verdicts], ",
      replace: "this.#bodies([epoch], ",
    }],
    suite: VERDICTS,
  },
  {
    name: "no belief in a record's promise that those before it were synced",
    patches: [{
      file: "src/wal/segment_scan.ts",
      find: "const promise = this.#promiseOf(offset, salt, lsn);",
      replace: "const promise: KeptPromise | null = null;",
    }],
    suite: TURNED_BITS,
  },
  {
    name: "an identity that is believed whatever its checksum",
    patches: [{
      file: "src/wal/identity.ts",
      find: "if (checksum !== checksumOf(fields)) {",
      replace: "if (false) {",
    }],
    suite: TURNED_BITS,
  },
  {
    name: "an identity that does not keep the epoch",
    patches: [{
      file: "src/wal/log.ts",
      find: "        id,\n        epoch: state.epoch,\n",
      replace: "        id,\n        epoch: 1,\n",
    }],
    suite: SECTORS,
  },
  {
    name: "damaged segments removed like all others",
    patches: [{
      file: "src/wal/retire.ts",
      find: "if (kept.damaged.has(name)) {",
      replace: "if (false) {",
    }],
    suite: SECTORS,
  },
  {
    name: "gaps between segments not noticed",
    patches: [{
      file: "src/wal/reading.ts",
      find: "} else if (missing !== null && !this.#restated) {",
      replace: "} else if (false) {",
    }],
    suite: GAPS,
  },
  {
    name: "a segment that was made ready taken for the one in use",
    patches: [{
      file: "src/wal/reading.ts",
      find: "this.#opening = { begins: after === undefined,",
      replace: "this.#opening = { begins: true,",
    }],
    suite: READY,
  },
  {
    name: "a segment whose beginning was cut off taken for damaged",
    patches: [{
      file: "src/wal/reading.ts",
      find: "if (this.#opening !== null && this.#after !== null) {",
      replace: "if (false) {",
    }],
    suite: READY,
  },
  {
    name: "the segment in use not missed behind one that was made ready",
    patches: [{
      file: "src/wal/reading.ts",
      find: "last === null ? this.#oldest === Infinity : last >= this.#after;",
      replace: "true;",
    }],
    suite: READY,
  },
  {
    name: "a segment written beyond the number of the next one",
    patches: [{
      file: "src/wal/rotation.ts",
      find: "    if (isInItsNumbers) return true;\n",
      replace: "",
    }],
    suite: NUMBERS,
  },
];

/** Safeguards of the core, taken from the TypeScript one. */
export const CORE_CANARIES: readonly Canary[] = [
  {
    name: "every record promises that all before it were synced",
    patches: [{
      file: CORE,
      find: "view.setUint32(12, unsynced + index, true);",
      replace: "view.setUint32(12, 0 * index, true);",
    }],
    suite: POWER_CUTS,
  },
  {
    name: "a checksum that does not cover the LSN",
    patches: [{
      file: CORE,
      find: "place.setBigUint64(4, BigInt(lsn), true);",
      replace: "place.setBigUint64(4, 0n * BigInt(lsn), true);",
    }],
    suite: WRONG_PLACES,
  },
  {
    name: "a length that is not bounded",
    patches: [{
      file: CORE,
      find: "    if (length > MAX_BODY_LENGTH) return StopKind.TooLong;\n",
      replace: "",
    }],
    suite: LONG_FRAMES,
  },
];
