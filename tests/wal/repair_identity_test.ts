/**
 * Proves the parts of which making an identity again consists: what is taken for damage, that the damaged
 * file is kept durably before anything else is done, and what the segments must say.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { LogCorruptedError, LogVersionError } from "../../src/wal/errors.ts";
import { encodeHead } from "../../src/wal/head.ts";
import { identityText } from "../../src/wal/identity.ts";
import { epochInSegments, isIdentityDamaged, keepIdentity } from "../../src/wal/repair_identity.ts";
import { makeSegment, opening } from "../cli/support/logs.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { seededTest } from "../simulation/seeds.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import { DIRECTORY, EPOCH, LOG_ID, putText } from "./sample_segment.ts";

const WHOLE = { id: LOG_ID, epoch: 1, segment: 0, place: null, formatVersion: 1 };

async function diskWith(identity: string | null): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await disk.ensureDirectory(DIRECTORY);
  await disk.syncAncestors(DIRECTORY);
  if (identity !== null) putText(disk, "identity.json", identity);
  return disk;
}

Deno.test("isIdentityDamaged tells a damaged identity or gone from one that is whole", async () => {
  const isDamaged = async (identity: string | null): Promise<boolean> =>
    await isIdentityDamaged(simulatedPlatform(await diskWith(identity)), DIRECTORY);
  for (const text of ["", "{", "null", "{}"]) assertEquals(await isDamaged(text), true, text);
  assertEquals(await isDamaged(identityText(WHOLE)), false);
  assertEquals(await isDamaged(null), true);
  const newer = identityText({ ...WHOLE, formatVersion: 2 });
  await assertRejects(() => isDamaged(newer), LogVersionError);
});

seededTest("keepIdentity has synced what it kept, bytes and name", 20, async (random) => {
  const disk = await diskWith("");
  const bytes = new Uint8Array(random.below(200_000));
  random.fill(bytes);
  disk.put(`${DIRECTORY}/identity.json`, bytes);
  const name = await keepIdentity(simulatedPlatform(disk), DIRECTORY, 7);
  assertEquals(name, "identity.json.broken-7");
  const left = disk.crash(random);
  assertEquals(left.namesIn(DIRECTORY), ["identity.json", name]);
  assertEquals(left.bytesOf(`${DIRECTORY}/${name}`), bytes);
  assertEquals(left.bytesOf(`${DIRECTORY}/identity.json`), bytes);
  assertEquals(disk.openFiles, []);
});

Deno.test("keepIdentity keeps nothing where nothing is", async () => {
  const disk = await diskWith(null);
  assertEquals(await keepIdentity(simulatedPlatform(disk), DIRECTORY, 7), null);
  assertEquals(disk.namesIn(DIRECTORY), []);
});

Deno.test("epochInSegments gives the newest segment's opening, and refuses two logs", async () => {
  const disk = await diskWith(null);
  const put = ({ name, bytes }: { name: string; bytes: Uint8Array }): void =>
    disk.put(`${DIRECTORY}/${name}`, bytes);
  const platform = simulatedPlatform(disk);
  await assertRejects(() => epochInSegments(platform, DIRECTORY), LogCorruptedError, "no segment");
  put(makeSegment([opening(4)], 0));
  put(makeSegment([opening(6)], 40));
  assertEquals(await epochInSegments(platform, DIRECTORY), 6);
  put(makeSegment([[encodeHead({ ...EPOCH, id: "0123456789ab", opening: 1 })]], 20));
  await assertRejects(() => epochInSegments(platform, DIRECTORY), LogCorruptedError, "is of log");
});
