/**
 * The bytes in docs/log-format.md are a real segment and a real identity, and mean what the page says.
 */

import { assert, assertEquals } from "@std/assert";
import { decodeRecord } from "../../src/wal/decisions/record.ts";
import { decodeSegmentHeader, FORMAT_VERSION } from "../../src/wal/format.ts";
import { decodeHead } from "../../src/wal/head.ts";
import { identityText, readIdentity } from "../../src/wal/identity.ts";
import { denoPlatform } from "../../src/platform/platform.ts";
import { scanSegment } from "../wal/scan_segment.ts";

const PAGE = new URL("../../docs/log-format.md", import.meta.url);

async function bytesOfPage(): Promise<Uint8Array> {
  const block = /```hex\n([^`]+)```/.exec(await Deno.readTextFile(PAGE))?.[1] ?? "";
  const digits = block.split("\n").flatMap((line) => line.trim().split(/\s+/).slice(1));
  return Uint8Array.from(digits, (pair) => Number.parseInt(pair, 16));
}

Deno.test("log-format.md shows an identity that is read and written so, and tells of each field", async () => {
  const page = await Deno.readTextFile(PAGE);
  const text = /```json\n([^`]+)```/.exec(page)?.[1] ?? "";
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/identity.json`, text);
    const identity = await readIdentity(denoPlatform, directory);
    const { id, epoch, segment, place } = identity;
    assertEquals(text, identityText({ id, epoch, segment, place, formatVersion: FORMAT_VERSION }));
    for (const field of Object.keys(JSON.parse(text))) {
      assert(page.includes(`\n| \`${field}\` `), `${field} is not told of`);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("log-format.md shows a segment that reads as it says", async () => {
  const bytes = await bytesOfPage();
  assertEquals(decodeSegmentHeader(bytes, 40), { salt: 0x1234abcd });
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${directory}/00000000000000000040.wal`, bytes);
    const records: unknown[] = [];
    const offsets: number[] = [];
    const scan = await scanSegment(denoPlatform, directory, 40, (body, lsn, offset, unsynced) => {
      records.push(decodeHead(body) ?? decodeRecord(body));
      offsets.push(offset);
      assertEquals(unsynced, lsn - 40);
    });
    assertEquals(scan.end, { kind: "clean", offset: bytes.length, nextLsn: 44, detail: "" });
    assertEquals(scan.damages, []);
    assertEquals(offsets, [0x10, 0x6d, 0xbe, 0x119]);
    const txn = 7000000001042n;
    const gid = "indoubt_k3j9x0w2m4t7_7000000001042_0";
    const [started, identity] = ["2026-11-21T12:00:00.000Z", "postgresql:1/5/orders"];
    assertEquals(records, [
      { type: "epoch", id: "k3j9x0w2m4t7", epoch: 7, started, opening: 2, restated: true },
      {
        type: "checkpoint",
        active: [],
        participants: [{ name: "orders", kind: "postgresql", identity }],
      },
      { type: "committing", txn, branches: [{ participant: "orders", gid, token: "742" }] },
      { type: "end", txn },
    ]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
