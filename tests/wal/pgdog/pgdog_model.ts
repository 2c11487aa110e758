/**
 * What pgdog #934 makes of a log directory when it starts, as its README in the fixtures says: the
 * rules that the tests named after its defects hold ours against. It changes the files it is given,
 * as pgdog did.
 */

import { PGDOG_HEADER_LENGTH } from "../../../src/wal/pgdog/format.ts";
import type { PgdogRecord } from "../../../src/wal/pgdog/record.ts";
import { readPgdogSegment } from "../../../src/wal/pgdog/segment.ts";
import type { ExpectedStart } from "./fixtures.ts";
import { HEADER, named } from "./frames.ts";

interface Entry {
  readonly txn: bigint;
  readonly user: string;
  readonly database: string;
  decided: boolean;
}

function apply(working: Map<bigint, Entry>, record: PgdogRecord): void {
  switch (record.type) {
    case "begin":
      working.set(record.txn, { ...record, decided: false });
      return;
    case "committing": {
      const entry = working.get(record.txn);
      if (entry !== undefined) entry.decided = true;
      return;
    }
    case "end":
      working.delete(record.txn);
      return;
    case "checkpoint":
      working.clear();
      for (const entry of record.active) working.set(entry.txn, { ...entry });
  }
}

/** Starts pgdog on these files. */
export function startPgdog(files: Map<string, Uint8Array<ArrayBuffer>>): ExpectedStart {
  const working = new Map<bigint, Entry>();
  const quarantined: string[] = [];
  const segments = [...files.keys()]
    .flatMap((name) => {
      const digits = /^\+?([0-9]+)\.wal$/.exec(name)?.[1];
      return digits === undefined ? [] : [{ name, firstLsn: Number(digits) }];
    })
    .sort((one, other) => one.firstLsn - other.firstLsn);
  let nextLsn = 0;
  let writable: string | undefined;
  for (const { name, firstLsn } of segments) {
    const bytes = files.get(name) ?? new Uint8Array();
    const read = readPgdogSegment(bytes, firstLsn, (record) => apply(working, record));
    const { kind } = read.end;
    if (kind !== "bad_segment_header") nextLsn = read.nextLsn;
    const isLast = name === segments.at(-1)?.name;
    if (kind === "clean" || kind === "torn_tail" && isLast) {
      files.set(name, bytes.slice(0, read.lastGoodOffset ?? 0));
      if (isLast) writable = name;
    } else {
      quarantined.push(name);
      files.delete(name);
      files.set(`${name}.broken`, bytes);
    }
  }
  if (writable === undefined) {
    writable = named(nextLsn);
    files.set(writable, HEADER);
  }
  return startOf(working, quarantined, nextLsn, files, writable);
}

function startOf(
  working: ReadonlyMap<bigint, Entry>,
  quarantined: readonly string[],
  nextLsn: number,
  files: ReadonlyMap<string, Uint8Array>,
  writable: string,
): ExpectedStart {
  const corruption = quarantined.length > 0;
  const restored = [...working.values()]
    .filter((entry) => entry.decided || !corruption)
    .sort((one, other) => one.txn < other.txn ? -1 : 1)
    .map(({ txn, user, database, decided }) => ({
      txn: String(txn),
      user,
      database,
      phase: decided ? "phase2" : "phase1",
      action: decided ? "commit" : "rollback",
    }));
  const sizes = [...files].map(([name, bytes]) => [name, bytes.length] as const);
  return {
    error: null,
    corruption,
    quarantined,
    restored,
    nextLsn: String(nextLsn),
    writableSegmentSize: files.get(writable)?.length ?? PGDOG_HEADER_LENGTH,
    checkpointEntries: restored.length,
    filesAfter: Object.fromEntries(sizes.sort(([one], [other]) => one < other ? -1 : 1)),
  };
}
