/**
 * Proves that the simulated disk answers as a file system does, and that calls fail as they were
 * told to.
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DiskError } from "./disk_calls.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { SeededRandom } from "./seeded_random.ts";

function filled(length: number, value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).fill(value);
}

Deno.test("MemoryDisk.fail hits the n-th call of a kind, once or from then on", async () => {
  const disk = new MemoryDisk();
  disk.fail({ kind: "list", skip: 1 });
  await disk.list("/");
  await disk.ensureDirectory("/a");
  await assertRejects(() => disk.list("/"), DiskError, "failed call 3, list of /");
  await disk.list("/");
  disk.fail({ skip: 1, times: Infinity });
  await disk.list("/");
  await assertRejects(() => disk.list("/"), DiskError);
  await assertRejects(() => disk.syncDirectory("/"), DiskError);
  disk.mend();
  await disk.list("/");
});

Deno.test("MemoryDisk.fail leaves any part of a write and may let a rename happen", async () => {
  const lengths = new Set<number>();
  const names = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const disk = new MemoryDisk(new SeededRandom(seed));
    const file = await disk.open("/a", "create-new");
    disk.fail({ times: Infinity });
    assertThrows(() => file.write(filled(3, 1)), DiskError);
    await assertRejects(() => disk.rename("/a", "/b"), DiskError);
    file.close();
    names.add(disk.namesIn("/").join());
    lengths.add(disk.bytesOf(disk.namesIn("/").join()).length);
  }
  assertEquals([...lengths].sort(), [0, 1, 2, 3]);
  assertEquals([...names].sort(), ["a", "b"]);
});

Deno.test("MemoryDisk.fail can make reads and writes short", async () => {
  const disk = new MemoryDisk();
  const file = await disk.open("/a", "create-new");
  disk.fail({ effect: "short", times: Infinity });
  const taken = file.write(filled(100, 1));
  assert(taken > 0 && taken < 100);
  assertEquals(file.write(filled(1, 1)), 1);
  const buffer = new Uint8Array(200);
  const given = await file.read(buffer, 0);
  assert(given > 0 && given < taken + 1);
  assertEquals(await file.read(buffer, 500), 0);
  file.close();
});

Deno.test("MemoryDisk answers as a file system does where nothing fails", async () => {
  const disk = new MemoryDisk();
  disk.put("/a", filled(3, 1));
  await assertRejects(() => disk.open("/a", "create-new"), Deno.errors.AlreadyExists);
  await assertRejects(() => disk.open("/b", "read"), Deno.errors.NotFound);
  await assertRejects(() => disk.remove("/b"), Deno.errors.NotFound);
  await assertRejects(() => disk.list("/nowhere"), Deno.errors.NotFound);
  await disk.ensureDirectory("/directory");
  assertEquals(await disk.list("/"), ["a"]);
  const file = await disk.open("/a", "read");
  assertThrows(() => file.write(filled(1, 1)), Deno.errors.PermissionDenied);
  assertEquals(await file.size(), 3);
  file.close();
  assertThrows(() => file.close(), Deno.errors.BadResource);
});
