/**
 * Measures the log as a coordinator uses it: the bytes of a decision, appends that are durable, and
 * reading a log after a crash. The disk's own limit is measured in the same run, a write of the
 * same bytes into written space and a sync. Disks and their mood differ more than programs do, so
 * only numbers of one run can be compared.
 *
 * Recovery reads a million finished transactions, two million records, in one segment without a
 * checkpoint behind its beginning; it also prints records per second and resident memory.
 */

import { decodeRecord, encodeRecord } from "../src/wal/decisions/record.ts";
import { LiveState } from "../src/wal/decisions/live_state.ts";
import { FRAME_HEADER_LENGTH } from "../src/wal/format.ts";
import { Log } from "../src/wal/log.ts";
import { decision } from "./load/decision.ts";

const CALLERS = 16;
const TRANSACTIONS = 1_000_000;
const RECOVERIES = 3;
const SPACE = 16_777_216;
const PIECE = 65_536;
const MEBIBYTE = 1_048_576;

const folder = await Deno.makeTempDir({ prefix: "indoubt_bench_" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const sample = decision(7_000_000_000n);
const sampleBody = encodeRecord(sample);
const frameLength = FRAME_HEADER_LENGTH + sampleBody.length;
let txn = 0n;

Deno.bench("encode a decision", { group: "bytes" }, () => {
  encodeRecord(sample);
});

Deno.bench("decode a decision", { group: "bytes" }, () => {
  decodeRecord(sampleBody);
});

const raw = await writtenFile(`${folder}/raw`);
let rawLength = 0;

Deno.bench(
  "the disk: write to written space, sync",
  { group: "durable", baseline: true },
  async () => {
    if (rawLength + frameLength > SPACE) {
      raw.seekSync(0, Deno.SeekMode.Start);
      rawLength = 0;
    }
    raw.writeSync(new Uint8Array(frameLength));
    await raw.syncData();
    rawLength += frameLength;
  },
);

const log = await Log.open({ directory: `${folder}/log`, model: new LiveState() });

Deno.bench("append a decision, alone", { group: "durable" }, async () => {
  await commit();
});

Deno.bench(`append ${CALLERS} decisions at once`, { group: "durable" }, async () => {
  await Promise.all(Array.from({ length: CALLERS }, commit));
});

const finished = `${folder}/finished`;
const recovered = `${folder}/recovered`;
let said = false;

Deno.bench({
  name: `open a log of ${TRANSACTIONS} finished transactions, no checkpoint`,
  group: "recovery",
  n: RECOVERIES,
  warmup: 1,
  fn: async (bench) => {
    await copyFinishedLog();
    const before = Deno.memoryUsage().rss;
    const start = performance.now();
    bench.start();
    const opened = await Log.open({ directory: recovered, model: new LiveState() });
    bench.end();
    const seconds = (performance.now() - start) / 1000;
    if (!said) report(seconds, before);
    said = true;
    await opened.close();
  },
});

async function commit(): Promise<void> {
  const own = txn++;
  await log.append(decision(own));
  log.appendLazily({ type: "end", txn: own });
}

/** A file of zeros that are on disk. */
async function writtenFile(path: string): Promise<Deno.FsFile> {
  const file = await Deno.open(path, { write: true, createNew: true });
  for (let length = 0; length < SPACE; length += PIECE) file.writeSync(new Uint8Array(PIECE));
  await file.syncData();
  file.seekSync(0, Deno.SeekMode.Start);
  return file;
}

/** Recovery removes the segment that it has read, so that each one needs its own. */
async function copyFinishedLog(): Promise<void> {
  await makeFinishedLog();
  await Deno.remove(recovered, { recursive: true }).catch(() => {});
  await Deno.mkdir(recovered);
  for (const { name } of Deno.readDirSync(finished)) {
    await Deno.copyFile(`${finished}/${name}`, `${recovered}/${name}`);
  }
}

async function makeFinishedLog(): Promise<void> {
  if (await Deno.stat(finished).then(() => true, () => false)) return;
  const maker = new URL("./load/finished_log.ts", import.meta.url).pathname;
  const args = ["run", "-A", maker, finished, String(TRANSACTIONS)];
  const { success } = await new Deno.Command(Deno.execPath(), { args }).output();
  if (!success) throw new Error(`Cannot make a log of ${TRANSACTIONS} transactions`);
}

function report(seconds: number, before: number): void {
  const bytes = [...Deno.readDirSync(finished)]
    .reduce((sum, { name }) => sum + Deno.statSync(`${finished}/${name}`).size, 0);
  const megabytes = (count: number) => `${(count / MEBIBYTE).toFixed(0)} MiB`;
  const rate = (2 * TRANSACTIONS / seconds).toFixed(0);
  console.log(
    `recovery: ${rate} records per second of a log of ${megabytes(bytes)}; resident memory ` +
      `${megabytes(before)} before, ${megabytes(Deno.memoryUsage().rss)} after`,
  );
}
