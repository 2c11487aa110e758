/**
 * Writes that the kernel has accepted and cannot bring to the disk lose nothing that was
 * acknowledged: the disk promises more space than it has, so `write` succeeds and the sync that
 * follows fails in earnest, as the kernel itself sees it (a failed page is marked clean, a journal
 * is given up). Then the log heals itself or, if its file system has given up, is opened again
 * after a repair.
 */

import { assert } from "@std/assert";
import { diskTest } from "./ability.ts";
import { Knowledge } from "./knowledge.ts";
import { Load } from "./load.ts";
import { Filler } from "./space.ts";
import { ROOM, Stage, until } from "./stage.ts";
import { EXT4, Volume, type VolumeKind, XFS } from "./volume.ts";

const THIN = `${ROOM}/thin`;
const HEALING_MS = 4000;

/**
 * What a disk really has, apart from what it promises: little more than an empty file system takes.
 */
const REAL_SIZES: readonly (readonly [VolumeKind, string])[] = [[EXT4, "12m"], [XFS, "100m"]];

/** Answers whether the log has taken records again within the time. */
async function heals(load: Load): Promise<boolean> {
  const before = load.read().acknowledgements;
  try {
    await until("healed", () => load.read().acknowledgements > before + 10, HEALING_MS);
    return true;
  } catch {
    return false;
  }
}

for (const [kind, size] of REAL_SIZES) {
  const name = `nothing is lost when the kernel cannot write what it has accepted (${kind.name})`;
  diskTest(name, ["mkfs.ext4", "mkfs.xfs"], async (random) => {
    await using stage = await Stage.open();
    await stage.run("mkdir", THIN);
    await stage.run("mount", "-t", "tmpfs", "-o", `size=${size}`, "thin", THIN);
    const volume = await Volume.create(stage, kind, { folder: THIN });
    const directory = `${volume.path}/log`;
    const load = Load.start(stage, random, { directory, segmentSize: 65_536, unfinished: 0.3 });
    await load.reach(random.below(100_000));
    const filler = new Filler(stage.outside(`${THIN}/filler`));
    await until("a sync has failed", () => {
      filler.fill();
      return load.read().refusals > 0;
    });
    filler.free();
    const healed = await heals(load);
    const report = healed ? await load.stop() : await load.kill();
    console.log(`${report.failures}; ${healed ? "healed by itself" : "opened again"}`);
    assert(report.failures.every((failure) => /ENOSPC|EIO|EROFS/.test(failure)));
    await volume.unmount();
    await volume.mount();
    const knowledge = new Knowledge();
    knowledge.learn(report);
    await knowledge.check(stage.outside(directory), "gaps");
  });
}
