/**
 * Proves that the identity follows the segments without being in anybody's way: no commit waits for it or
 * fails with it, closing leaves none half written, and it catches up when a disk that failed is back.
 */

import { assert, assertEquals } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import { IDENTITY_NAME, readIdentity } from "../../src/wal/identity.ts";
import { Log } from "../../src/wal/log.ts";
import { SelectiveFiles } from "../defects/selective_files.ts";
import { type SimulatedPlatform, simulatedPlatform } from "../simulation/simulated_platform.ts";
import { segmentsOn, transactionsOn } from "./open_log.ts";
import { committing, DIRECTORY } from "./sample_segment.ts";

/** Milliseconds after which a log has certainly tried a failed disk again. */
const LONGEST_RETRY = 60_000;

/** Files of which an identity gets its name only when it is let go. */
class SlowIdentity extends SelectiveFiles {
  readonly #letGo = Promise.withResolvers<void>();
  waits = false;
  waiting = 0;

  override async rename(from: string, to: string): Promise<void> {
    if (this.waits && to.endsWith(IDENTITY_NAME)) {
      this.waiting++;
      await this.#letGo.promise;
      this.waiting--;
    }
    await super.rename(from, to);
  }

  letGo(): void {
    this.#letGo.resolve();
  }
}

interface OpenLog {
  readonly log: Log<LogRecord>;
  readonly files: SlowIdentity;
  readonly platform: SimulatedPlatform;
}

async function open(): Promise<OpenLog> {
  const platform = simulatedPlatform();
  const files = new SlowIdentity(platform.fileSystem);
  const opening = Log.open<LogRecord>({
    directory: DIRECTORY,
    platform: { ...platform, fileSystem: files },
    model: new LiveState(),
    segmentSize: 1024,
  });
  return { log: await platform.clock.finish(opening), files, platform };
}

/** Appends decisions one after the other, enough for several segments. */
async function appendMany({ log, platform }: OpenLog, first: bigint): Promise<bigint[]> {
  const numbers = Array.from({ length: 30 }, (_, index) => first + BigInt(index));
  for (const txn of numbers) await platform.clock.finish(log.append(committing(txn)));
  return numbers;
}

Deno.test("Log lets no commit wait for its identity, and is closed only when that is written", async () => {
  const opened = await open();
  const { log, files, platform } = opened;
  const { clock, fileSystem: disk } = platform;
  files.waits = true;
  const written = await appendMany(opened, 1n);
  await clock.settle();
  assertEquals(files.waiting, 1);
  const [oldest = -1, ...newer] = segmentsOn(disk);
  assert(newer.length > 0, "a segment was removed before the identity named a later one");
  assertEquals((await readIdentity(platform, DIRECTORY)).segment, oldest);
  let isClosed = false;
  const closing = log.close().then(() => isClosed = true);
  await clock.settle();
  assertEquals(isClosed, false);
  files.letGo();
  await clock.finish(closing);
  assertEquals(segmentsOn(disk), [(await readIdentity(platform, DIRECTORY)).segment]);
  assertEquals(await transactionsOn(disk.kill()), written);
});

Deno.test("Log whose identity waits loses nothing when its process dies", async () => {
  const opened = await open();
  opened.files.waits = true;
  const written = await appendMany(opened, 1n);
  const left = opened.platform.fileSystem.kill();
  assertEquals(await transactionsOn(left), written);
  opened.files.letGo();
  await opened.platform.clock.finish(opened.log.close());
});

Deno.test("Log names its newest segment again once a disk that failed is back", async () => {
  const opened = await open();
  const { log, platform } = opened;
  const { clock, fileSystem: disk } = platform;
  await appendMany(opened, 1n);
  disk.fail({ times: Infinity });
  const answers = Promise.allSettled([log.append(committing(100n))]);
  await clock.settle();
  disk.mend();
  clock.advance(LONGEST_RETRY);
  await clock.finish(answers);
  await appendMany(opened, 200n);
  await clock.settle();
  const { segment } = await readIdentity(platform, DIRECTORY);
  assertEquals(segment, segmentsOn(disk).at(-1));
  await clock.finish(log.close());
});
