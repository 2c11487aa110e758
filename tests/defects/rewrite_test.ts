/**
 * Proves that this log does not have the defects of pgdog's rewritten log: D42, D43, D46, D48.
 */

import { assert, assertEquals } from "@std/assert";
import { segmentName } from "../../src/wal/segment_name.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { withFlippedBit } from "../wal/sample_segment.ts";
import {
  activeOn,
  begin,
  committing,
  decided,
  DIRECTORY,
  end,
  Machine,
  range,
  started,
} from "./machine.ts";
import { SelectiveFiles } from "./selective_files.ts";

const SMALL = { segmentSize: 1024 };

Deno.test("D42 a restart after a deletion panicked, since a transaction's records lay in several segments: here each segment says everything that is live", async () => {
  const machine = await started(new Machine(new MemoryDisk(), SMALL));
  const live = new Set<string>();
  for (const round of range(1, 40)) {
    // Begun in one segment, decided some segments later, ended later still.
    await machine.append(begin(round));
    live.add(`${round}`);
    if (round > 5) {
      await machine.append(committing(round - 5));
      live.delete(`${round - 5}`);
      live.add(`${round - 5}!`);
    }
    if (round > 9) {
      await machine.append(end(round - 9));
      live.delete(`${round - 9}!`);
    }
    await machine.pass(0);
    const next = round % 2 === 0 ? machine.killed() : machine.powerCuts(1)[0] ?? machine;
    assertEquals(new Set(await activeOn(next)), live, `round ${round}`);
    assertEquals(next.damages, []);
  }
  const usedAgain = machine.calls("rename").filter(({ path }) => path.includes("/next-"));
  assert(machine.calls("remove").length + usedAgain.length >= 4, "segments go away");
  // One that is made ready may wait behind the one in use.
  assert(machine.segments.length <= 2, `${machine.segments} are there`);
  assertEquals(new Set(await activeOn(await closed(machine))), live, "after a clean stop too");
});

async function closed(machine: Machine): Promise<Machine> {
  await machine.close();
  return machine;
}

Deno.test("D43 without a checksum a flipped length, code or number was believed or stopped every start: here each is damage with a verdict, and the log opens", async () => {
  const machine = await started();
  const [, second = 0] = await machine.append(begin(1), committing(2));
  await machine.append(committing(3));
  await machine.close();
  const path = `${DIRECTORY}/${segmentName(0)}`;
  const bytes = machine.disk.bytesOf(path);
  const view = new DataView(bytes.buffer);
  let offset = 16;
  for (let lsn = 0; lsn < second; lsn++) offset += 16 + view.getUint32(offset + 4, true);
  // Salt, length, checksum, promise, tag, and the number of the transaction.
  for (const byte of [0, 3, 4, 5, 6, 7, 8, 11, 12, 15, 16, 22]) {
    for (let bit = 0; bit < 8; bit++) {
      const next = machine.killed();
      next.disk.put(path, withFlippedBit(bytes, 8 * (offset + byte) + bit));
      for (let opening = 0; opening < 2; opening++) {
        assertEquals(await activeOn(next), ["1", "3!"], `bit ${bit} of byte ${byte}`);
        assertEquals(next.damages.length, 1);
      }
    }
  }
});

Deno.test("D43 sixteen zero bytes at the end made the start fail: here any number of zeros is space that was not used", async () => {
  const machine = await started();
  await machine.append(committing(1));
  await machine.close();
  const path = `${DIRECTORY}/${segmentName(0)}`;
  const bytes = machine.disk.bytesOf(path);
  for (const zeros of [1, 7, 8, 11, 12, 13, 16, 512, 4096, 100_000]) {
    const next = machine.killed();
    const longer = new Uint8Array(bytes.length + zeros);
    longer.set(bytes);
    next.disk.put(path, longer);
    assertEquals(await activeOn(next), ["1!"]);
    assertEquals(next.damages, []);
  }
});

Deno.test("D46 names outside ASCII came back mangled: here every text comes back as it was, also after checkpoints", async () => {
  const names = [
    "größe",
    "数据库",
    "données_é",
    "e\u0301",
    "🗄️",
    "a\u0000b",
    "\u202Eabc",
    "ﬁ",
    "\uFFFD",
  ];
  const machine = await started();
  for (const [index, name] of names.entries()) {
    const branch = { participant: name, gid: `gid_${name}`, token: name };
    await machine.append(
      { type: "participant", name, kind: "kind", identity: `identity of ${name}` },
      { type: "committing", txn: BigInt(index), branches: [branch] },
    );
  }
  for (let opening = 0; opening < 3; opening++) {
    await machine.restart();
    assertEquals([...machine.live.participants.keys()], names);
    const branches = machine.live.active.flatMap(({ branches }) => branches);
    assertEquals(branches.map(({ participant }) => participant), names);
    assertEquals(branches.map(({ gid }) => gid), names.map((name) => `gid_${name}`));
    assertEquals(branches.map(({ token }) => token), names);
    const identities = [...machine.live.participants.values()].map(({ identity }) => identity);
    assertEquals(identities, names.map((name) => `identity of ${name}`));
  }
  await machine.close();
});

Deno.test("D48 one old segment that cannot be read or removed stopped the checkpointer on every run: here all others go", async () => {
  const disk = new MemoryDisk();
  const files = new SelectiveFiles(disk);
  const machine = new Machine(disk, { ...SMALL, fileSystem: files });
  files.refuses = ({ kind, path }) => kind === "remove" && path.endsWith(segmentName(0));
  await machine.open();
  const reads = machine.calls("read").length;
  for (const txn of range(1, 100)) {
    await machine.append(committing(txn), end(txn));
    await machine.pass(0);
    assert(machine.segments.length <= 3, `${machine.segments} after ${txn} transactions`);
  }
  assertEquals(machine.calls("read").length, reads, "old segments are not read to be removed");
  await machine.close();
});

Deno.test("D48 a record shorter than its header panicked: here any few bytes behind the last record are an end", async () => {
  const machine = await started();
  await machine.append(committing(1));
  await machine.close();
  const path = `${DIRECTORY}/${segmentName(0)}`;
  const bytes = machine.disk.bytesOf(path);
  for (const length of range(1, 24)) {
    for (const fill of [0x00, 0x01, 0x0c, 0x7f, 0xff]) {
      const next = machine.killed();
      const longer = new Uint8Array(bytes.length + length).fill(fill);
      longer.set(bytes);
      next.disk.put(path, longer);
      assertEquals(await activeOn(next), decided(1, 1));
      assertEquals(next.damages, []);
    }
  }
});
