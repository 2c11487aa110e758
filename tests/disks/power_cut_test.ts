/**
 * Power cuts on real file systems lose nothing that the log has acknowledged, and leave nothing
 * that looks like damage: a program appends from several tasks, with small segments so that files
 * come and go all the time, and the file system under it is shut down at a random moment, again and
 * again on the same volume. That the cuts are real is shown by a log that does not sync: it does
 * lose records. (What a missing sync of the directory does is for the simulated disk: these
 * journals mostly make up for it.)
 */

import { assert, AssertionError, assertRejects } from "@std/assert";
import { LogCorruptedError } from "../../src/wal/errors.ts";
import type { SeededRandom } from "../simulation/seeded_random.ts";
import { diskTest } from "./ability.ts";
import { Knowledge } from "./knowledge.ts";
import { Load, type LoadOptions } from "./load.ts";
import type { Report } from "./report.ts";
import { Stage } from "./stage.ts";
import { Volume, VOLUME_KINDS, type VolumeKind } from "./volume.ts";

const ROUNDS = 15;

/**
 * Turns of the event loop that an opening takes, or a few commits; measured, and only a rough
 * number.
 */
const TURNS = 3000;

const PROGRAMS = ["mkfs.ext4", "mkfs.xfs", "xfs_io"] as const;

/** A volume with a log on it, and what is known of the log. */
class Site implements AsyncDisposable {
  readonly #stage: Stage;
  readonly #volume: Volume;
  readonly #random: SeededRandom;
  #logs = 0;
  knowledge: Knowledge = new Knowledge();

  private constructor(stage: Stage, volume: Volume, random: SeededRandom) {
    this.#stage = stage;
    this.#volume = volume;
    this.#random = random;
  }

  static async open(kind: VolumeKind, random: SeededRandom): Promise<Site> {
    const stage = await Stage.open();
    try {
      return new Site(stage, await Volume.create(stage, kind), random);
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
  }

  get #directory(): string {
    return `${this.#volume.path}/log-${this.#logs}`;
  }

  /** From now on it is about another log, in a directory that is not there yet. */
  turnToNewLog(): void {
    this.#logs++;
    this.knowledge = new Knowledge();
  }

  /** Cuts the power of a log under load once so many bytes are reported, and mounts again. */
  async cut(after: number, options: Partial<LoadOptions>, line?: string): Promise<Report> {
    const random = this.#random;
    const turns = random.chance(0.2) ? 0 : random.below(TURNS);
    // Some programs live to see every call fail, others are gone at once.
    const linger = random.pick([0, 0, 5, 50]);
    const cut = { ...await this.#volume.armSwitch(), after, turns, linger, ...line && { line } };
    const segmentSize = random.pick([1024, 4096, 16_384, 65_536]);
    const all = { directory: this.#directory, segmentSize, cut, ...options };
    const report = await Load.start(this.#stage, random, all).end();
    if (!report.cut) throw new Error(`Cannot cut the power: ${report.failures}`);
    await this.#volume.unmount();
    await this.#volume.mount();
    this.knowledge.learn(report);
    return report;
  }

  /** Opens the log and checks that it says what it must. */
  async check(): Promise<void> {
    await this.knowledge.check(this.#stage.outside(this.#directory));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stage[Symbol.asyncDispose]();
  }
}

for (const kind of VOLUME_KINDS) {
  diskTest(`a power cut under load loses nothing (${kind.name})`, PROGRAMS, async (random) => {
    await using site = await Site.open(kind, random);
    for (let round = 1; round <= ROUNDS; round++) {
      await site.cut(random.below(300_000), {});
      await site.check();
    }
    console.log(`${ROUNDS} cuts, ${site.knowledge.acknowledged} records acknowledged`);
  });

  diskTest(`a power cut while opening loses nothing (${kind.name})`, PROGRAMS, async (random) => {
    await using site = await Site.open(kind, random);
    let opening = 0;
    for (let round = 1; round <= ROUNDS; round++) {
      const isNew = random.chance(0.3);
      if (isNew) site.turnToNewLog();
      const after = isNew ? 0 : random.below(3000);
      const report = await site.cut(after, { session: 4 }, "opening");
      if (report.opening) opening++;
      await site.check();
    }
    console.log(`${ROUNDS} cuts, ${opening} of them while opening`);
    assert(opening > 0, "no cut came while the log was being opened");
  });
}

for (const kind of VOLUME_KINDS) {
  diskTest(`a log that does not sync loses records (${kind.name})`, PROGRAMS, async (random) => {
    await using site = await Site.open(kind, random);
    const error = await assertRejects(async () => {
      for (let round = 1; round <= ROUNDS; round++) {
        await site.cut(20_000 + random.below(100_000), { without: "syncData" });
        await site.check();
      }
    });
    assert(error instanceof AssertionError || error instanceof LogCorruptedError, String(error));
  });
}
