/**
 * Tests that need the kernel's help: root, private namespaces, loop devices, programs that make,
 * break and trace. Where something is missing the test is ignored and says what; in continuous
 * integration (`CI` is set) it fails instead, so that it never passes by not running.
 *
 * @module
 */

import { askedSeed } from "../simulation/seeds.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import { PROGRAM_PLACES, ROOM, Stage } from "./stage.ts";

/** What these tests call, besides what every Debian has, and which package brings it. */
const PACKAGES: Readonly<Record<string, string>> = {
  "unshare": "util-linux",
  "nsenter": "util-linux",
  "mount": "mount",
  "losetup": "mount",
  "mkfs.ext4": "e2fsprogs",
  "mkfs.xfs": "xfsprogs",
  "xfs_io": "xfsprogs",
  "strace": "strace",
};

/** A program that a test calls. */
export type Program = "mkfs.ext4" | "mkfs.xfs" | "xfs_io" | "strace";

const MAX_SEED = 2 ** 31;

/** Why there can be no stage with loop devices here; `null` if there can. */
const noStage = await whyNoStage();

async function whyNoStage(): Promise<string | null> {
  if (Deno.build.os !== "linux") return "it needs Linux";
  if (Deno.uid() !== 0) return "it needs root, to mount file systems";
  const missing = whichIsMissing(["unshare", "nsenter", "mount", "losetup"]);
  if (missing !== null) return missing;
  try {
    await using stage = await Stage.open("8m");
    await stage.run("truncate", "-s", "4M", `${ROOM}/image`);
    const device = await stage.run("losetup", "--find", "--show", `${ROOM}/image`);
    await stage.run("losetup", "--detach", device);
    return null;
  } catch (error) {
    return `file systems cannot be mounted here (${
      error instanceof Error ? error.message : error
    })`;
  }
}

function isThere(program: string): boolean {
  return PROGRAM_PLACES.some((place) => {
    try {
      return Deno.statSync(`${place}/${program}`).isFile;
    } catch {
      return false;
    }
  });
}

function whichIsMissing(programs: readonly string[]): string | null {
  const missing = programs.find((program) => !isThere(program));
  return missing === undefined ? null : `there is no ${missing}: install ${PACKAGES[missing]}`;
}

/**
 * Defines a test that needs such programs.
 *
 * @param name What holds.
 * @param programs What it calls.
 * @param body The test; its random numbers are new in every run, and INDOUBT_SEED repeats them.
 */
export function diskTest(
  name: string,
  programs: readonly Program[],
  body: (random: SeededRandom) => Promise<void>,
): void {
  const reason = noStage ?? whichIsMissing(programs);
  const mustRun = !["", "0", "false"].includes(Deno.env.get("CI") ?? "");
  const ignore = reason !== null && !mustRun;
  if (ignore) console.warn(`Ignored, since ${reason}: ${name}`);
  Deno.test({
    name,
    ignore,
    fn: async () => {
      if (reason !== null) throw new Error(`Cannot run this test: ${reason}`);
      const seed = askedSeed() ?? Math.floor(Math.random() * MAX_SEED);
      console.log(`INDOUBT_SEED=${seed}`);
      await body(new SeededRandom(seed));
    },
  });
}
