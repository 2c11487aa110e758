/**
 * Proves that the simulated disk lies and rots as its page says, that it forgets a lie which was
 * made good, and that it knows at any time what it may not be trusted in.
 */

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { DiskError, type FaultEffect } from "./disk_calls.ts";
import { drawRot, replacedSector, turnedBit } from "./disk_rot.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { SECTOR } from "./memory_file.ts";
import { SeededRandom } from "./seeded_random.ts";

/** Enough that every outcome which the tests wait for comes up. */
const ROUNDS = 300;

const SOUND = { files: [], names: false, reads: false };

function filled(length: number, value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).fill(value);
}

/** A disk with a durable file of two sectors, "/a", of ones. */
function diskWithFile(seed: number = 1): MemoryDisk {
  const disk = new MemoryDisk(new SeededRandom(seed));
  disk.put("/a", filled(2 * SECTOR, 1));
  return disk;
}

/** What power cuts with many seeds leave, as distinct texts. */
function crashes(disk: MemoryDisk, look: (disk: MemoryDisk) => unknown): string[] {
  const seeds = Array.from({ length: ROUNDS }, (_, seed) => new SeededRandom(seed));
  return [...new Set(seeds.map((seed) => JSON.stringify(look(disk.crash(seed)))))].sort();
}

/** The first bytes of the sectors of what is read with that fault, in many runs. */
async function reads(effect: FaultEffect, prepare: (disk: MemoryDisk) => Promise<void>) {
  const found = new Set<string>();
  for (let seed = 0; seed < ROUNDS; seed++) {
    const disk = diskWithFile(seed);
    await prepare(disk);
    const before = disk.bytesOf("/a");
    disk.fail({ kind: "read", effect });
    const file = await disk.open("/a", "read");
    const buffer = filled(2 * SECTOR, 7);
    assertEquals(await file.read(buffer, 0), 2 * SECTOR);
    assertEquals(disk.distrust("/").reads, before.some((byte, index) => byte !== buffer[index]));
    const again = filled(2 * SECTOR, 7);
    await file.read(again, 0);
    assertEquals(again, before);
    file.close();
    found.add([buffer[0], buffer[SECTOR]].join());
  }
  return found;
}

Deno.test("A sync of a file that lies makes nothing durable, and an honest one makes it good", async () => {
  const disk = diskWithFile();
  const file = await disk.open("/a", "lock");
  file.write(filled(SECTOR, 2));
  disk.fail({ kind: "syncData", effect: "lost" });
  await file.syncData();
  assertEquals(crashes(disk, (after) => after.bytesOf("/a")[0]), ["1", "2"]);
  assertEquals(disk.distrust("/"), SOUND);
  assertEquals(disk.kill().distrust("/"), SOUND);
  assertEquals(disk.kill().crash(new SeededRandom(1)).distrust("/"), { ...SOUND, files: ["a"] });
  await file.syncData();
  assertEquals(crashes(disk, (after) => after.bytesOf("/a")[0]), ["2"]);
  assertEquals(crashes(disk, (after) => after.distrust("/")), [JSON.stringify(SOUND)]);
  file.close();
});

Deno.test("A sync of a directory that lies makes no name durable, and an honest one does", async () => {
  const disk = diskWithFile();
  await disk.rename("/a", "/b");
  disk.fail({ kind: "syncDirectory", effect: "misplaced" });
  await disk.syncDirectory("/");
  assertEquals(crashes(disk, (after) => after.namesIn("/")), ['["a"]', '["b"]']);
  assertEquals(disk.crash(new SeededRandom(1)).distrust("/"), { ...SOUND, names: true });
  await disk.syncDirectory("/");
  assertEquals(crashes(disk, (after) => after.namesIn("/")), ['["b"]']);
  assertEquals(disk.crash(new SeededRandom(1)).distrust("/"), SOUND);
});

Deno.test("A sync of the directories above that lies lets all of it go", async () => {
  const disk = new MemoryDisk();
  await disk.ensureDirectory("/a/b");
  disk.fail({ kind: "syncAncestors", effect: "lost" });
  await disk.syncAncestors("/a/b");
  assertEquals(crashes(disk, (after) => after.hasDirectory("/a/b")), ["false", "true"]);
  assertEquals(crashes(disk, (after) => after.distrust("/a/b").names), ["true"]);
});

Deno.test("A write that is lost answers its length and stores less", async () => {
  const stored = new Set<string>();
  for (let seed = 0; seed < ROUNDS; seed++) {
    const disk = diskWithFile(seed);
    const file = await disk.open("/a", "lock");
    disk.fail({ kind: "write", effect: "lost" });
    assertEquals(file.write(filled(2 * SECTOR, 2)), 2 * SECTOR);
    file.write(filled(1, 3));
    const bytes = disk.bytesOf("/a");
    assertEquals(bytes[2 * SECTOR], 3);
    stored.add([bytes[0], bytes[SECTOR]].join());
    assertEquals(disk.distrust("/").files, ["a"]);
    file.close();
  }
  assertEquals([...stored].sort(), ["1,1", "1,2", "2,1"]);
});

Deno.test("A write that is misplaced stores all of it sectors away or in another file", async () => {
  const places = new Set<string>();
  for (let seed = 0; seed < ROUNDS; seed++) {
    const disk = diskWithFile(seed);
    disk.put("/b", filled(10, 1));
    const file = await disk.open("/a", "lock");
    file.write(filled(SECTOR, 1));
    disk.fail({ kind: "write", effect: "misplaced" });
    file.write(filled(3, 2));
    for (const name of ["a", "b"]) {
      const at = disk.bytesOf(`/${name}`).indexOf(2);
      if (at >= 0) places.add(`${name}${at / SECTOR}`);
    }
    assert(disk.distrust("/").files.includes("a"));
    file.close();
  }
  assertEquals([...places].sort(), ["a0", "a2", "a3", "a4", "a5", "b1"]);
});

Deno.test("A read that is lost gives zeros once, in some sectors", async () => {
  const found = await reads("lost", () => Promise.resolve());
  assertEquals([...found].sort(), ["0,0", "0,1", "1,0"]);
});

Deno.test("A read that is misplaced gives what was there, is elsewhere, or was removed", async () => {
  const found = await reads("misplaced", async (disk) => {
    disk.put("/old", filled(2 * SECTOR, 9));
    await disk.remove("/old");
    const file = await disk.open("/a", "lock");
    file.write(filled(SECTOR, 2));
    await file.syncData();
    file.close();
  });
  // The sectors hold 2 and 1; earlier both held 1; the other place is the other sector.
  for (const right of ["1,1", "2,2", "9,9", "2,9", "9,1"]) {
    assert(found.has(right), `never ${right}, but ${[...found].join(" ")}`);
  }
});

Deno.test("A sync that drops lets everybody read what is on the disk", async () => {
  const found = new Set<number>();
  for (let seed = 0; seed < ROUNDS; seed++) {
    const disk = diskWithFile(seed);
    const file = await disk.open("/a", "lock");
    file.write(filled(SECTOR, 2));
    disk.fail({ kind: "syncData", effect: "drop" });
    await assertRejects(async () => await file.syncData(), DiskError);
    const read = disk.bytesOf("/a")[0] ?? 0;
    found.add(read);
    await file.syncData();
    // There is no doubt about it any more, and it is no lie: the sync has said that it failed.
    assertEquals(disk.crash(new SeededRandom(seed)).bytesOf("/a")[0], read);
    assertEquals(disk.distrust("/"), SOUND);
    file.close();
  }
  assertEquals([...found].sort(), [1, 2]);
});

Deno.test("A sync that drops what one before it has lied about leaves a file that is wrong", async () => {
  for (const effect of ["drop", "fail"] as const) {
    for (const lies of [true, false]) {
      const disk = diskWithFile();
      const file = await disk.open("/a", "lock");
      file.write(filled(SECTOR, 2));
      if (lies) disk.fail({ kind: "syncData", effect: "lost" });
      await file.syncData();
      file.write(filled(SECTOR, 3));
      disk.fail({ kind: "syncData", effect });
      await assertRejects(() => Promise.try(() => file.syncData()), DiskError);
      const isWrong = lies && effect === "drop";
      assertEquals(disk.kill().distrust("/"), isWrong ? { ...SOUND, files: ["a"] } : SOUND);
      file.close();
    }
  }
});

Deno.test("A sync that drops keeps what was written while it ran", async () => {
  const disk = diskWithFile();
  const file = await disk.open("/a", "lock");
  file.write(filled(SECTOR, 2));
  disk.fail({ kind: "syncData", effect: "drop" });
  const hold = disk.hold("syncData");
  const synced = file.syncData();
  file.write(filled(SECTOR, 3));
  hold.release();
  await assertRejects(async () => await synced, DiskError);
  assertEquals(disk.bytesOf("/a")[SECTOR], 3);
  file.close();
});

Deno.test("Rot is seen at once, survives every crash, and is written over", async () => {
  const disk = diskWithFile();
  disk.rot("/a", turnedBit(8 * 5 + 1));
  disk.rot("/a", replacedSector(1, filled(SECTOR, 9)));
  const expected = filled(2 * SECTOR, 1).fill(9, SECTOR);
  expected[5] = 3;
  assertEquals(disk.bytesOf("/a"), expected);
  assertEquals(disk.crash(new SeededRandom(1)).bytesOf("/a"), expected);
  assertEquals(disk.kill().distrust("/"), { ...SOUND, files: ["a"] });
  const file = await disk.open("/a", "lock");
  file.write(filled(2 * SECTOR, 4));
  await file.syncData();
  assertEquals(disk.crash(new SeededRandom(1)).bytesOf("/a"), filled(2 * SECTOR, 4));
  file.close();
});

Deno.test("Rot hits what is durable and what is not in the same way", async () => {
  const disk = diskWithFile();
  const file = await disk.open("/a", "lock");
  file.write(filled(1, 2));
  disk.rot("/a", turnedBit(7));
  assertEquals(crashes(disk, (after) => after.bytesOf("/a")[0]), ["129", "130"]);
  file.close();
});

Deno.test("drawRot changes something within the file, if not by chance what was the same", () => {
  for (let seed = 0; seed < ROUNDS; seed++) {
    const bytes = filled(700, 1);
    drawRot(new SeededRandom(seed), bytes.length)(bytes);
    assertNotEquals(bytes, filled(700, 1));
    assertEquals(bytes.length, 700);
  }
});

Deno.test("A wrong file is remembered under the name that it had, until it is forgiven", async () => {
  const disk = diskWithFile();
  disk.rot("/a", turnedBit(0));
  await disk.rename("/a", "/b");
  await disk.remove("/b");
  for (const next of [disk, disk.kill()]) {
    assertEquals(next.distrust("/").files, ["a", "b"]);
  }
  disk.forgive("/", () => false);
  assertEquals(disk.distrust("/"), SOUND);
});

Deno.test("MemoryDisk.forgive leaves out files that it is told to", () => {
  const disk = diskWithFile();
  disk.put("/b", filled(1, 1));
  for (const path of ["/a", "/b"]) disk.rot(path, turnedBit(0));
  disk.forgive("/", (name) => name === "b");
  assertEquals(disk.distrust("/").files, ["b"]);
});

Deno.test("A rename or a removal that is lost changes no name, for ever", async () => {
  const disk = new MemoryDisk();
  disk.put("/log/a", new Uint8Array(1));
  disk.fail({ kind: "rename", effect: "lost" });
  await disk.rename("/log/a", "/log/b");
  disk.fail({ kind: "remove", effect: "lost" });
  await disk.remove("/log/a");
  disk.forgive("/log", () => false);
  for (const left of [disk, disk.kill(), disk.crash(new SeededRandom(1))]) {
    assertEquals(left.namesIn("/log"), ["a"]);
    assertEquals(left.distrust("/log").names, true);
  }
});

Deno.test("A list that lies lacks names, a size is too small, a place is another, each once", async () => {
  const disk = new MemoryDisk(new SeededRandom(2));
  for (const name of ["a", "b", "c"]) disk.put(`/log/${name}`, new Uint8Array(100));
  for (const kind of ["list", "size", "identify"] as const) disk.fail({ kind, effect: "lost" });
  assert((await disk.list("/log")).length < 3);
  const file = await disk.open("/log/a", "read");
  assert(await file.size() < 100);
  const place = await disk.identify("/log/a");
  assertEquals(disk.distrust("/log"), { files: [], names: true, reads: true });
  assertEquals((await disk.list("/log")).sort(), ["a", "b", "c"]);
  assertEquals(await file.size(), 100);
  assert(await disk.identify("/log/a") !== place);
  file.close();
});
