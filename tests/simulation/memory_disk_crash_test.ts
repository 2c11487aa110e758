/**
 * Proves that crashes of the simulated disk keep to its fault model: that they never take what was
 * synced, can do everything else which the model allows, and are repeated by a seed.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { DiskError } from "./disk_calls.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { SeededRandom } from "./seeded_random.ts";

/** Enough power cuts that every outcome which the tests wait for comes up. */
const ROUNDS = 3000;

async function diskWith(path: string, bytes: Uint8Array): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const file = await disk.open(path, "create-new");
  file.write(bytes);
  await file.syncData();
  file.close();
  await disk.syncDirectory("/");
  return disk;
}

/** What power cuts with many seeds leave, as distinct texts. */
function crashes<T>(disk: MemoryDisk, look: (disk: MemoryDisk) => T): Set<string> {
  const looks = Array.from(
    { length: ROUNDS },
    (_, seed) => JSON.stringify(look(disk.crash(new SeededRandom(seed)))),
  );
  return new Set(looks);
}

function filled(length: number, value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).fill(value);
}

function namesAfterCrashes(disk: MemoryDisk): Set<string> {
  return crashes(disk, (after) => after.namesIn("/"));
}

Deno.test("MemoryDisk.crash keeps synced bytes under synced names", async () => {
  const disk = await diskWith("/a", filled(1300, 7));
  assertEquals(crashes(disk, (after) => [...after.bytesOf("/a")]).size, 1);
  assertEquals(disk.crash(new SeededRandom(1)).bytesOf("/a"), filled(1300, 7));
});

Deno.test("MemoryDisk.crash treats each sector that was not synced on its own", async () => {
  const disk = new MemoryDisk();
  const file = await disk.open("/a", "create-new");
  await disk.syncDirectory("/");
  file.write(filled(2048, 1));
  const shapes = crashes(disk, (after) => {
    const bytes = after.bytesOf("/a");
    return Array.from({ length: bytes.length / 512 }, (_, sector) => {
      const part = bytes.subarray(sector * 512, (sector + 1) * 512);
      return part.every((byte) => byte === 1)
        ? "new"
        : part.some((byte) => byte)
        ? "stale"
        : "zero";
    });
  });
  for (
    const shape of [[], ["new"], ["new", "new", "new", "new"], ["zero", "new", "zero", "zero"]]
  ) {
    assert(shapes.has(JSON.stringify(shape)), `never ${shape}`);
  }
  assert([...shapes].some((shape) => shape.includes("stale")), "never stale bytes");
  file.close();
});

Deno.test("MemoryDisk.crash may tear a write only at the ends of sectors and of writes", async () => {
  const disk = await diskWith("/a", filled(500, 1));
  const file = await disk.open("/a", "lock");
  file.write(filled(500, 1));
  file.write(filled(100, 2));
  const lengths = crashes(disk, (after) => after.bytesOf("/a").length);
  assertEquals([...lengths].map(Number).sort((one, other) => one - other), [500, 512, 600]);
  const kept = crashes(disk, (after) => [...after.bytesOf("/a").subarray(0, 500)]);
  assertEquals(kept.size, 1);
  file.close();
});

Deno.test("MemoryDisk.crash shows bytes of removed files as stale bytes", async () => {
  const disk = await diskWith("/old", filled(1024, 9));
  await disk.remove("/old");
  const file = await disk.open("/new", "create-new");
  await disk.syncDirectory("/");
  file.write(filled(1024, 1));
  const found = crashes(disk, (after) => after.bytesOf("/new").includes(9));
  assert(found.has("true"));
  file.close();
});

Deno.test("MemoryDisk.crash keeps any of the names that were not synced", async () => {
  const disk = await diskWith("/a", filled(1, 1));
  (await disk.open("/b", "create-new")).close();
  await disk.rename("/a", "/c");
  assertEquals(namesAfterCrashes(disk), new Set(['["a"]', '["a","b"]', '["c"]', '["b","c"]']));
  await disk.syncDirectory("/");
  assertEquals(namesAfterCrashes(disk), new Set(['["b","c"]']));
  await disk.remove("/b");
  assertEquals(namesAfterCrashes(disk), new Set(['["b","c"]', '["c"]']));
});

Deno.test("MemoryDisk.crash may take a directory with all that is in it", async () => {
  const disk = new MemoryDisk();
  await disk.ensureDirectory("/a/b");
  const file = await disk.open("/a/b/c", "create-new");
  file.close();
  await disk.syncDirectory("/a/b");
  await disk.syncDirectory("/a/b/..");
  assertEquals(crashes(disk, (after) => after.namesIn("/a/b")), new Set(["[]", '["c"]']));
  await disk.syncDirectory("/");
  assertEquals(crashes(disk, (after) => after.namesIn("/a/b")), new Set(['["c"]']));
});

Deno.test("MemoryDisk.syncAncestors makes a directory's name durable, and not those in it", async () => {
  const disk = new MemoryDisk();
  await disk.ensureDirectory("/a/b");
  (await disk.open("/a/b/c", "create-new")).close();
  await disk.syncAncestors("/a/b");
  const found = crashes(disk, (after) => [after.namesIn("/a/b"), after.hasDirectory("/a/b")]);
  assertEquals(found, new Set(["[[],true]", '[["c"],true]']));
});

Deno.test("MemoryDisk.crash does not trust a sync behind one that failed", async () => {
  const disk = await diskWith("/a", filled(512, 1));
  const file = await disk.open("/a", "lock");
  file.write(filled(1024, 2));
  disk.fail({ kind: "syncData" });
  await assertRejects(async () => await file.syncData(), DiskError);
  await file.syncData();
  const firstBytes = crashes(disk, (after) => after.bytesOf("/a")[0]);
  assertEquals(firstBytes, new Set(["1", "2"]));
  assertEquals(disk.bytesOf("/a"), filled(1024, 2));
  file.close();
});

Deno.test("MemoryDisk.crash trusts a sector that was written and synced again", async () => {
  const disk = new MemoryDisk();
  const file = await disk.open("/a", "create-new");
  await disk.syncDirectory("/");
  file.write(filled(100, 2));
  disk.fail({ kind: "syncData" });
  await assertRejects(async () => await file.syncData(), DiskError);
  file.write(filled(100, 3));
  await file.syncData();
  const found = crashes(disk, (after) => [...after.bytesOf("/a")]);
  assertEquals(found.size, 1);
  file.close();
});

Deno.test("MemoryDisk covers by a held sync only what was written before it", async () => {
  const disk = new MemoryDisk();
  const file = await disk.open("/a", "create-new");
  await disk.syncDirectory("/");
  file.write(filled(10, 1));
  const hold = disk.hold("syncData");
  const synced = file.syncData();
  assertEquals(hold.waiting, 1);
  file.write(filled(10, 2));
  hold.release();
  await synced;
  const lengths = crashes(disk, (after) => after.bytesOf("/a").length);
  assertEquals(lengths, new Set(["10", "20"]));
  file.close();
});

Deno.test("MemoryDisk.kill keeps what was written, and does not make it durable", async () => {
  const disk = new MemoryDisk();
  const file = await disk.open("/a", "create-new");
  file.write(filled(10, 1));
  const next = disk.kill();
  file.write(filled(10, 2));
  assertEquals(next.bytesOf("/a"), filled(10, 1));
  assertEquals(namesAfterCrashes(next), new Set(["[]", '["a"]']));
  file.close();
});

Deno.test("MemoryDisk.kill and MemoryDisk.crash release locks and leave the old disk alone", async () => {
  const disk = await diskWith("/a", filled(1, 1));
  const file = await disk.open("/a", "lock");
  assert(await file.tryLock());
  for (const next of [disk.kill(), disk.crash(new SeededRandom(1))]) {
    const again = await next.open("/a", "lock");
    assert(await again.tryLock());
    again.close();
  }
  const second = await disk.open("/a", "lock");
  assertEquals(await second.tryLock(), false);
  file.close();
  assert(await second.tryLock());
  second.close();
  assertEquals(disk.openFiles, []);
});

Deno.test("MemoryDisk repeats itself with the same seed", async () => {
  const disk = await diskWith("/a", filled(100, 1));
  const file = await disk.open("/a", "lock");
  file.write(filled(5000, 2));
  const [one, other] = [5, 5].map((seed) => disk.crash(new SeededRandom(seed)).bytesOf("/a"));
  assertEquals(one, other);
  file.close();
});
