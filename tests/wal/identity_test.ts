/**
 * Proves that a log's identity is random, written as a whole or not at all, durable when it says
 * so, and never made up from a file that is not what was written.
 */

import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects } from "@std/assert";
import { LogCorruptedError, LogVersionError } from "../../src/wal/errors.ts";
import {
  HeldIdentity,
  type Identity,
  identityText,
  lsnLimit,
  makeLogId,
  readIdentity,
  writeIdentity,
} from "../../src/wal/identity.ts";
import { DiskError } from "../simulation/disk_calls.ts";
import { turnedBit } from "../simulation/disk_rot.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import { seededTest } from "../simulation/seeds.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import { crc32cOracle } from "./crc32c_oracle.ts";
import { DIRECTORY, LOG_ID, putText } from "./sample_segment.ts";

const OLD: Identity = { id: LOG_ID, epoch: 1, segment: 0, place: null };
const NEW: Identity = { id: LOG_ID, epoch: 2, segment: 40, place: "7-1" };

async function diskWith(text: string): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await disk.ensureDirectory(DIRECTORY);
  await disk.syncAncestors(DIRECTORY);
  putText(disk, "identity.json", text);
  return disk;
}

function read(disk: MemoryDisk): Promise<Identity> {
  return readIdentity(simulatedPlatform(disk), DIRECTORY);
}

function textOf(fields: object): string {
  return identityText({ ...OLD, formatVersion: 1, ...fields });
}

Deno.test("makeLogId makes twelve letters that cannot be mistaken for one another", () => {
  const platform = simulatedPlatform();
  const ids = Array.from({ length: 400 }, () => makeLogId(platform));
  for (const id of ids) assertMatch(id, /^[0-9a-hjkmnp-tv-z]{12}$/);
  assertEquals(new Set(ids).size, ids.length);
  assertEquals(new Set(ids.join("")).size, 32);
});

Deno.test("readIdentity reads what writeIdentity wrote, over what was there before", async () => {
  const disk = await diskWith(textOf({}));
  await writeIdentity(simulatedPlatform(disk), DIRECTORY, NEW);
  assertEquals(await read(disk), NEW);
  assertEquals(disk.namesIn(DIRECTORY), ["identity.json"]);
  assertEquals(disk.openFiles, []);
});

Deno.test("writeIdentity writes this text", async () => {
  const disk = await diskWith("");
  await writeIdentity(simulatedPlatform(disk), DIRECTORY, NEW);
  const text = new TextDecoder().decode(disk.bytesOf(`${DIRECTORY}/identity.json`));
  const words = [`"id": "${LOG_ID}"`, '"epoch": 2', '"segment": 40', '"place": "7-1"'];
  words.push('"formatVersion": 1');
  const fields = new TextEncoder().encode(`{${words.join(",").replaceAll(": ", ":")}}`);
  const checksum = crc32cOracle(fields).toString(16).padStart(8, "0");
  words.push(`"checksum": "${checksum}"`);
  assertEquals(text, `{\n  ${words.join(",\n  ")}\n}\n`);
});

seededTest(
  "writeIdentity leaves the old or the new file, whenever the power fails",
  20,
  async (random) => {
    const disk = await diskWith(textOf({}));
    const crashes: MemoryDisk[] = [];
    disk.observe(() => crashes.push(disk.kill(), disk.crash(random)));
    await writeIdentity(simulatedPlatform(disk), DIRECTORY, NEW);
    const found = await Promise.all(crashes.map(async (crash) => (await read(crash)).epoch));
    assert(found.every((epoch) => epoch === OLD.epoch || epoch === NEW.epoch));
    assertEquals(await read(disk.crash(random)), NEW);
  },
);

Deno.test("writeIdentity leaves no file open, and the old identity, when a call fails", async () => {
  for (let skip = 0; skip < 4; skip++) {
    const disk = await diskWith(textOf({}));
    disk.fail({ skip });
    const platform = simulatedPlatform(disk);
    await assertRejects(() => writeIdentity(platform, DIRECTORY, NEW), DiskError);
    assertEquals(disk.openFiles, []);
    const { epoch } = await read(disk);
    assert(epoch === OLD.epoch || epoch === NEW.epoch);
  }
});

Deno.test("readIdentity and writeIdentity go on where a read or write is short", async () => {
  const disk = await diskWith("");
  disk.fail({ effect: "short", times: Infinity });
  await writeIdentity(simulatedPlatform(disk), DIRECTORY, NEW);
  assertEquals(await read(disk), NEW);
});

Deno.test("readIdentity ignores keys that it does not know", async () => {
  assertEquals(await read(await diskWith(textOf({ later: [1] }))), OLD);
});

Deno.test("readIdentity refuses what was never written", async () => {
  const texts = [
    "",
    "{",
    "null",
    "[]",
    '"text"',
    "\0".repeat(80),
    textOf({ id: undefined }),
    textOf({ id: 7 }),
    textOf({ id: "0123456789a" }),
    textOf({ id: "0123456789abc" }),
    textOf({ id: "0123456789aB" }),
    textOf({ id: "0123456789ai" }),
    textOf({ id: "../../../etc" }),
    textOf({ epoch: undefined }),
    textOf({ epoch: 0 }),
    textOf({ epoch: 1.5 }),
    textOf({ epoch: "1" }),
    textOf({ epoch: 2 ** 53 }),
    textOf({ segment: undefined }),
    textOf({ segment: -1 }),
    textOf({ segment: "0" }),
    textOf({ place: undefined }),
    textOf({ place: 7 }),
    textOf({ filler: "x".repeat(5000) }),
  ];
  for (const text of texts) {
    const disk = await diskWith(text);
    const error = await assertRejects(() => read(disk), LogCorruptedError, "identity.json");
    assertEquals(error.place, { file: "identity.json" });
    assertEquals(disk.openFiles, []);
  }
});

Deno.test("readIdentity believes nothing of which a bit has turned", async () => {
  const disk = await diskWith("");
  await writeIdentity(simulatedPlatform(disk), DIRECTORY, NEW);
  const path = `${DIRECTORY}/identity.json`;
  for (let bit = 0; bit < 8 * disk.bytesOf(path).length; bit++) {
    const rotten = disk.kill();
    rotten.rot(path, turnedBit(bit));
    const error = await read(rotten).then(
      (identity) => assertEquals(identity, NEW),
      (error) => error,
    );
    // White space is all that may change.
    if (error !== undefined) assertInstanceOf(error, LogCorruptedError, `bit ${bit}`);
  }
});

Deno.test("readIdentity knows a newer version before anything else", async () => {
  const disk = await diskWith(identityText({ formatVersion: 2, ident: "elsewhere" }));
  const error = await assertRejects(() => read(disk), LogVersionError, "format version 2");
  assertEquals(error.place, { file: "identity.json" });
});

Deno.test("readIdentity never takes a file that it cannot read for an absent one", async () => {
  const disk = await diskWith(textOf({}));
  for (const kind of ["open", "read"] as const) {
    disk.fail({ kind });
    await assertRejects(() => read(disk), DiskError);
    assertEquals(disk.openFiles, []);
  }
  assertEquals(await read(disk.crash(new SeededRandom(1))), OLD);
});

Deno.test("lsnLimit is far behind a segment, and never a number that cannot be counted", () => {
  assertEquals([lsnLimit(0), lsnLimit(7)], [2 ** 40, 2 ** 40 + 7]);
  for (const segment of [2 ** 53 - 2 ** 40, Number.MAX_SAFE_INTEGER]) {
    assertEquals(lsnLimit(segment), Number.MAX_SAFE_INTEGER);
  }
});

Deno.test("HeldIdentity raises its limit only when the segment that it names is on disk", async () => {
  for (let skip = 0; skip < 5; skip++) {
    const disk = await diskWith(textOf({}));
    const held = await HeldIdentity.write(simulatedPlatform(disk), DIRECTORY, OLD);
    assertEquals(held.lsnLimit, lsnLimit(0));
    disk.fail({ skip, times: Infinity });
    await assertRejects(() => held.follow(40), DiskError);
    assertEquals([held.lsnLimit, disk.openFiles], [lsnLimit(0), []]);
    disk.mend();
    // What the failed try has left behind may cost one more, and not more than one.
    await held.follow(50).catch(() => held.follow(50));
    assertEquals([held.lsnLimit, await read(disk)], [lsnLimit(50), { ...OLD, segment: 50 }]);
    assertEquals(disk.namesIn(DIRECTORY), ["identity.json"]);
  }
});
