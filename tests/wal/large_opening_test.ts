/**
 * Proves that a log goes on, and can be opened again, however much there is to restate: more than one record holds,
 * and more records than one can leave unpromised.
 */

import { assert, assertEquals } from "@std/assert";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import type { LogModel } from "../../src/wal/model.ts";
import type { MemoryDisk } from "../simulation/memory_disk.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import { openLog, openWith, segmentsOn, stateOn } from "./open_log.ts";

/** A decision of 600,000 bytes. */
function long(txn: bigint): LogRecord {
  const participant = `${txn}`.padEnd(600_000, "p");
  return { type: "committing", txn, branches: [{ participant, gid: "g", token: null }] };
}

Deno.test("A log goes on and can be opened with more live than one record can hold", async () => {
  const { log, disk, clock, model } = await openLog(simulatedPlatform());
  const [first] = segmentsOn(disk);
  for (let txn = 1n; txn <= 70n; txn++) await clock.finish(log.append(long(txn)));
  assertEquals([log.failure, segmentsOn(disk).includes(first ?? -1)], [null, false]);
  await clock.finish(log.close());
  const state = await stateOn(disk);
  assertEquals(state.active, model.active);
});

/** More than a frame can say of. */
const VERY_MANY = 70_000;

/** Numbers, each restated in an entry of its own. */
class NumbersModel implements LogModel<number> {
  readonly numbers = new Set<number>();

  encode(number: number): Uint8Array {
    const body = new Uint8Array(5);
    body[0] = 16;
    new DataView(body.buffer).setUint32(1, number);
    return body;
  }

  decode(body: Uint8Array): number {
    return new DataView(body.buffer, body.byteOffset).getUint32(1);
  }

  reset(): void {
    this.numbers.clear();
  }

  apply(number: number): void {
    this.numbers.add(number);
  }

  checkpoint(): number[] {
    return [...this.numbers];
  }
}

/** How many of the numbers from 0 on another process finds; there is no damage and no other number. */
async function countOn(disk: MemoryDisk): Promise<number> {
  const { log, model, clock } = await openWith(new NumbersModel(), simulatedPlatform(disk));
  assertEquals(log.damages, []);
  await clock.finish(log.close());
  const { size } = model.numbers;
  assertEquals(Math.max(...[...model.numbers].slice(-100)), size - 1);
  return size;
}

Deno.test("A log goes on and can be opened with very many records to restate", async () => {
  const { log, disk, clock } = await openWith(new NumbersModel());
  const add = async (from: number, to: number) => {
    const answers: Promise<number>[] = [];
    for (let number = from; number < to; number++) answers.push(log.append(number));
    await clock.finish(Promise.all(answers));
  };
  let count = 0;
  while (count < VERY_MANY) {
    await add(count, count + 10_000);
    count += 10_000;
  }
  assertEquals(await countOn(disk.kill()), count);
  const [first = -1] = segmentsOn(disk);
  while (segmentsOn(disk).includes(first)) {
    await add(count, count + 10_000);
    count += 10_000;
    await clock.settle();
  }
  assertEquals([log.failure, await countOn(disk.kill())], [null, count]);
  for (let seed = 0; seed < 5; seed++) {
    assertEquals(await countOn(disk.crash(new SeededRandom(seed))), count);
  }
  await clock.finish(log.close());
  assertEquals(await countOn(disk), count);
});

Deno.test("A power cut while the log goes over to a very long opening takes nothing", async () => {
  const { log, disk, clock } = await openWith(new NumbersModel());
  let count = 0;
  const add = async (more: number) => {
    const answers = Array.from({ length: more }, () => log.append(count++));
    await clock.finish(Promise.all(answers));
    await clock.settle();
  };
  // The first segment has no space written ahead; what follows it is made ready while it is in use.
  const [first = -1] = segmentsOn(disk);
  while (count < VERY_MANY || segmentsOn(disk).length < 2) await add(10_000);
  while (segmentsOn(disk).includes(first) || segmentsOn(disk).length < 2) await add(10_000);
  const [inUse = -1] = segmentsOn(disk);
  let cuts: MemoryDisk[] = [];
  let before = count;
  disk.observe(({ kind }) => {
    const random = new SeededRandom(disk.calls.length);
    if (kind === "write" || kind === "syncData") cuts.push(disk.crash(random));
  });
  while (segmentsOn(disk).includes(inUse)) {
    [cuts, before] = [[], count];
    await add(5000);
  }
  // The record that says so, three parts of the opening, what waited.
  assert(cuts.length >= 5, `${cuts.length}`);
  for (const cut of cuts) {
    const there = await countOn(cut);
    assert(there >= before && there <= count, `${there} of ${before}`);
  }
  disk.observe(() => {});
  await clock.finish(log.close());
});
