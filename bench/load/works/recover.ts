/**
 * Reading logs: one of small records that are all kept, one of finished transactions that no checkpoint
 * follows, and one as many transactions leave it. Beside them the same bytes read from the files without
 * looking at them, and SQLite reading as many rows. Each opening is a new process, in turn.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import type { OnProgress } from "../comparison.ts";
import type { LogKind } from "../log_maker.ts";
import type { Opening } from "../opening_child.ts";
import type { Result } from "../result.ts";
import { SavedLog } from "../saved_log.ts";
import { TemporaryFolder } from "../temporary.ts";
import { median, spread } from "../statistics.ts";
import { runProgram } from "../program.ts";

/** So many fit into one segment. */
const MAX_FINISHED = 2_000_000;
const RECORD_BYTES = 100;
const MEBIBYTE = 1_048_576;

/** One of those that are measured in turn. */
interface Reader {
  readonly contender: string;
  /** What the child is told to open. */
  readonly kind: string;
  readonly directory: string;
  /** What is read, in records. */
  readonly records: number;
  /** Puts the directory back to what it was; gives what to open. */
  restore(): Promise<void>;
}

/** Measures it. */
export async function measureRecovery(
  transactions: number,
  rounds: number,
  onProgress: OnProgress,
): Promise<Result[]> {
  await using folder = await TemporaryFolder.make();
  const readers = await prepare(folder.path, transactions, onProgress);
  const openings = readers.map((): Opening[] => []);
  for (let round = 0; round < rounds; round++) {
    onProgress(`recover: round ${round + 1} of ${rounds}`);
    for (const [index, reader] of readers.entries()) openings[index]!.push(await open(reader));
  }
  const results = readers.map((reader, index) => resultOf(reader, openings[index]!));
  return results.map((result, index) => {
    const disk = results.find((_, other) =>
      readers[other]!.kind === "files" && readers[other]!.directory === readers[index]!.directory
    );
    return disk === undefined ? result : { ...result, ratio_to_disk: result.per_s / disk.per_s };
  });
}

async function prepare(
  folder: string,
  transactions: number,
  onProgress: OnProgress,
): Promise<Reader[]> {
  const finished = Math.min(transactions, MAX_FINISHED);
  const logs: [LogKind, string, number, number][] = [
    ["records", `read ${count(transactions)} records`, transactions, transactions],
    ["finished", `recover ${count(finished)} finished`, finished, 2 * finished],
    ["checkpointed", `open after ${count(transactions)}`, transactions, 1],
  ];
  const readers: Reader[] = [];
  for (const [kind, contender, number, records] of logs) {
    onProgress(`recover: making a log, ${contender}`);
    const directory = `${folder}/${kind}`;
    await Deno.mkdir(directory);
    await runProgram("log_maker.ts", [kind, directory, String(number)]);
    const saved = await SavedLog.save(directory, `${folder}/${kind}-saved`);
    const restore = () => saved.restore();
    readers.push({ contender, kind, directory, records, restore });
    if (kind === "checkpointed") continue;
    readers.push({ contender: "the same bytes", kind: "files", directory, records, restore });
  }
  onProgress("recover: making a database");
  const directory = `${folder}/sqlite`;
  await Deno.mkdir(directory);
  makeDatabase(`${directory}/records.sqlite`, transactions);
  const contender = `sqlite, ${count(transactions)} rows`;
  const restore = () => Promise.resolve();
  return [...readers, { contender, kind: "sqlite", directory, records: transactions, restore }];
}

function makeDatabase(path: string, rows: number): void {
  using database = new DatabaseSync(path);
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB NOT NULL)");
  const insert = database.prepare("INSERT INTO record (body) VALUES (?)");
  const body = new Uint8Array(RECORD_BYTES).fill(5);
  database.exec("BEGIN");
  for (let row = 0; row < rows; row++) insert.run(body);
  database.exec("COMMIT");
}

async function open({ kind, directory, contender, records, restore }: Reader): Promise<Opening> {
  await restore();
  const opening = JSON.parse(await runProgram("opening_child.ts", [kind, directory])) as Opening;
  if (opening.records !== null && opening.records !== records) {
    throw new Error(
      `Cannot measure "${contender}": ${opening.records} records were read, not ${records}`,
    );
  }
  return opening;
}

function resultOf({ contender, records }: Reader, openings: readonly Opening[]): Result {
  const rates = openings.map(({ seconds }) => records / seconds);
  const foreign = openings.map(({ processor }) => processor.foreign).filter((use) => use !== null);
  const growth = openings.map(({ resident, residentBefore }) => resident - residentBefore);
  return {
    work: "recover",
    contender,
    concurrency: 1,
    per_s: median(rates),
    resident_bytes: Math.max(...openings.map(({ resident }) => resident)),
    spread: spread(rates),
    ...(foreign.length === 0 ? {} : { foreign_cpu: median(foreign) }),
    rounds: openings.length,
    extra: {
      "open ms": median(openings.map(({ seconds }) => seconds * 1000)),
      "more MiB": median(growth) / MEBIBYTE,
    },
  };
}

function count(number: number): string {
  return number.toLocaleString("en-US");
}
