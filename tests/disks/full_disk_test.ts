/**
 * A disk without space loses nothing, and the log comes back by itself when there is space again: a
 * program appends from several tasks while the last bytes of a real file system are taken away from
 * it, by a file beside the log or by the log's own live transactions; also across restarts. A log that
 * uses its segments again needs no space.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { Log } from "../../src/wal/log.ts";
import type { SeededRandom } from "../simulation/seeded_random.ts";
import { diskTest } from "./ability.ts";
import { Knowledge } from "./knowledge.ts";
import { Load, type LoadOptions } from "./load.ts";
import { codes, type Report } from "./report.ts";
import { Filler } from "./space.ts";
import { ROOM, Stage, until } from "./stage.ts";
import { EXT4, Volume } from "./volume.ts";

const ROUNDS = 4;
const SMALL = `${ROOM}/small`;

/** The log tries again with pauses that double; none of these tests lets them become long. */
const HEALING_MS = 20_000;

/** About as many bytes as are reported while four segments of 512 KiB are filled. */
const REPORT_OF_SEGMENTS = 720_000;
const GOING_ON_MS = 60_000;

/** A small file system with a log on it. */
class Site implements AsyncDisposable {
  readonly #stage: Stage;
  readonly #volume: string;
  readonly #random: SeededRandom;
  readonly filler: Filler;
  readonly knowledge: Knowledge = new Knowledge();

  private constructor(stage: Stage, volume: string, random: SeededRandom) {
    this.#stage = stage;
    this.#volume = volume;
    this.#random = random;
    this.filler = new Filler(stage.outside(`${volume}/filler`));
  }

  static async open(kind: "tmpfs" | "ext4", random: SeededRandom): Promise<Site> {
    const stage = await Stage.open();
    try {
      if (kind === "ext4") {
        return new Site(stage, (await Volume.create(stage, EXT4, { size: "8M" })).path, random);
      }
      await stage.run("mkdir", SMALL);
      await stage.run("mount", "-t", "tmpfs", "-o", "size=1m", "small", SMALL);
      return new Site(stage, SMALL, random);
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The log directory, as the test sees it. */
  get directory(): string {
    return this.#stage.outside(`${this.#volume}/log`);
  }

  /** Starts the load and waits until it is under way, but does not use its segments again yet. */
  async start(options: Partial<LoadOptions> = {}): Promise<Load> {
    const all = { directory: `${this.#volume}/log`, segmentSize: 65_536, ...options };
    const load = Load.start(this.#stage, this.#random, all);
    await load.reach(this.#random.below(10_000));
    return load;
  }

  /** Takes all the space that there is or comes, until the log has none for its records. */
  async starve(load: Load): Promise<void> {
    const { refusals } = load.read();
    await until("the log has no space", () => {
      this.filler.fill();
      return load.read().refusals > refusals;
    }, HEALING_MS);
  }

  /** Makes the file system larger. */
  async enlarge(): Promise<void> {
    await this.#stage.run("mount", "-o", "remount,size=16m", SMALL);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stage[Symbol.asyncDispose]();
  }
}

/** Waits until the log has acknowledged records again, behind those that it has by now. */
async function awaitHealing(load: Load): Promise<void> {
  const before = load.read().calls.length;
  await until(
    "the log takes records again",
    () => load.read().calls.slice(before).filter(({ fate }) => fate === "durable").length > 10,
    HEALING_MS,
  );
}

/** The space lacked for a record, or for what a segment that was made ready begins with. */
const FULL: ReadonlySet<string> = new Set([
  "LogUnavailableError: Error(ENOSPC)",
  "LogUnavailableError: SegmentCreationError: Error(ENOSPC)",
]);

/** Every refusal says that there is no space left, and nothing else has gone wrong. */
function assertNoSpace({ failures }: Report): void {
  assert(failures.length > 0, "there was space all the time");
  for (const failure of failures) {
    const [fate, ...rest] = failure.split(" ");
    assert(fate === "no" || fate === "unknown", failure);
    assert(FULL.has(rest.join(" ")), failure);
  }
}

for (const kind of ["tmpfs", "ext4"] as const) {
  const programs = kind === "ext4" ? ["mkfs.ext4"] as const : [];

  diskTest(
    `a log heals itself when a full disk has space again (${kind})`,
    programs,
    async (random) => {
      await using site = await Site.open(kind, random);
      const load = await site.start();
      for (let round = 1; round <= ROUNDS; round++) {
        await site.starve(load);
        await new Promise((resolve) => setTimeout(resolve, random.below(300)));
        site.filler.free();
        await awaitHealing(load);
      }
      const report = await load.stop();
      assertNoSpace(report);
      site.knowledge.learn(report);
      await site.knowledge.check(site.directory, "gaps");
    },
  );

  diskTest(
    `a log is opened again when a full disk has space again (${kind})`,
    programs,
    async (random) => {
      await using site = await Site.open(kind, random);
      for (let round = 1; round <= ROUNDS; round++) {
        // What is live outgrows a segment: one that fits could go on without any space.
        const load = await site.start({ unfinished: 1 });
        await site.starve(load);
        // Killed, it leaves what it was about to make; ended in good order it does not.
        const report = random.chance(0.5) ? await load.kill() : await load.stop();
        assertNoSpace(report);
        site.knowledge.learn(report);
        await assertNotOpened(site);
        site.filler.free();
        await site.knowledge.check(site.directory, "gaps");
      }
    },
  );
}

diskTest("a log that uses its segments again needs no space", ["mkfs.ext4"], async (random) => {
  await using site = await Site.open("ext4", random);
  // So few tasks that an old segment has its new name long before the next is full, however slow the machine is.
  const load = await site.start({ unfinished: 0, segmentSize: 524_288, tasks: 2 });
  await load.reach(REPORT_OF_SEGMENTS);
  const last = load.length + REPORT_OF_SEGMENTS;
  await until("the log goes on without space", () => {
    site.filler.fill();
    return load.length > last;
  }, GOING_ON_MS);
  const report = await load.stop();
  assertEquals(report.failures, []);
  site.filler.free();
  site.knowledge.learn(report);
  await site.knowledge.check(site.directory, "gaps");
});

/** A log cannot be opened without any space, and trying changes nothing that counts. */
async function assertNotOpened(site: Site): Promise<void> {
  for (let attempt = 1; attempt <= 3; attempt++) {
    // Opening would remove these and have space enough.
    const unfinished = [...Deno.readDirSync(site.directory)]
      .filter(({ name }) => name.endsWith(".unfinished"));
    for (const { name } of unfinished) Deno.removeSync(`${site.directory}/${name}`);
    site.filler.fill();
    const before = segmentsOf(site.directory);
    const opening = Log.open({ directory: site.directory, model: new LiveState() });
    const error = await assertRejects(() => opening);
    assert(codes(error).includes("ENOSPC"), codes(error));
    assertEquals(segmentsOf(site.directory), before);
  }
}

/** Names and lengths of the segments. */
function segmentsOf(directory: string): string[] {
  return [...Deno.readDirSync(directory)]
    .filter(({ name }) => name.endsWith(".wal"))
    .map(({ name }) => `${name} ${Deno.statSync(`${directory}/${name}`).size}`)
    .sort();
}

diskTest("a log that has filled its disk itself heals on a larger one", [], async (random) => {
  await using site = await Site.open("tmpfs", random);
  const load = await site.start({ unfinished: 1, segmentSize: 16_384 });
  await until("the log has no space", () => load.read().refusals > 0, HEALING_MS);
  await site.enlarge();
  await awaitHealing(load);
  const report = await load.stop();
  assertNoSpace(report);
  site.knowledge.learn(report);
  await site.knowledge.check(site.directory, "gaps");
});
