/** Proves that short reads and writes are completed, and that none goes on for ever. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { FileHandle } from "../../src/platform/file_system.ts";
import { readWhole, writeWhole, writeWholeAside } from "../../src/platform/whole_file.ts";
import { DiskError } from "../simulation/disk_calls.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";

const BYTES = Uint8Array.from({ length: 1000 }, (_, index) => index % 251);

async function newFile(): Promise<{ disk: MemoryDisk; file: FileHandle }> {
  const disk = new MemoryDisk();
  return { disk, file: await disk.open("/file", "create-new") };
}

Deno.test("writeWhole writes all bytes, in as many pieces as it takes", async () => {
  const { disk, file } = await newFile();
  disk.fail({ kind: "write", effect: "short", times: Infinity });
  writeWhole(file, BYTES);
  writeWhole(file, new Uint8Array());
  assertEquals(disk.bytesOf("/file"), BYTES);
  assert(disk.calls.length > 3);
  file.close();
});

Deno.test("writeWholeAside writes and syncs all bytes, in as many pieces as it takes", async () => {
  const { disk, file } = await newFile();
  await disk.syncDirectory("/");
  disk.fail({ kind: "write", effect: "short", times: 3 });
  await writeWholeAside(file, BYTES);
  await writeWholeAside(file, new Uint8Array());
  assertEquals(disk.crash(new SeededRandom(1)).bytesOf("/file"), BYTES);
  file.close();
});

Deno.test("writeWhole and writeWholeAside give up on a file that takes nothing, or more than there is", async () => {
  const { file } = await newFile();
  for (const answer of [0, -1, 1.5, NaN, 1001]) {
    file.write = () => answer;
    file.writeAside = () => Promise.resolve(answer);
    const words = `it took ${answer} of 1000 bytes`;
    assertThrows(() => writeWhole(file, BYTES), Error, words);
    await assertRejects(() => writeWholeAside(file, BYTES), Error, words);
  }
  file.close();
});

Deno.test("readWhole reads to the end of the file or of the buffer", async () => {
  const { disk, file } = await newFile();
  writeWhole(file, BYTES);
  for (const short of [false, true]) {
    if (short) disk.fail({ kind: "read", effect: "short", times: Infinity });
    for (const length of [0, 1, 999, 1000, 1500]) {
      const buffer = new Uint8Array(length);
      const count = await readWhole(file, buffer);
      assertEquals(buffer.subarray(0, count), BYTES.subarray(0, length));
    }
  }
  file.close();
});

Deno.test("readWhole passes on a read that fails", async () => {
  const { disk, file } = await newFile();
  writeWhole(file, BYTES);
  disk.fail({ kind: "read" });
  await assertRejects(() => readWhole(file, new Uint8Array(10)), DiskError);
  file.close();
});
