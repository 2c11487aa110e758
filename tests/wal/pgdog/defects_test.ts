/**
 * A test for each known defect of pgdog's recovery (D11 to D25): it says what pgdog did, and proves
 * that it does not happen here.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { denoFileSystem } from "../../../src/platform/deno_file_system.ts";
import { LogVersionError } from "../../../src/wal/errors.ts";
import { recoverPgdogLog } from "../../../src/wal/pgdog/recover.ts";
import type { PgdogRecovery } from "../../../src/wal/pgdog/replay.ts";
import { fixture, FIXTURES, readFiles } from "./fixtures.ts";
import {
  begin,
  checkpoint,
  committing,
  end,
  frame,
  join,
  log,
  map,
  named,
  segment,
} from "./frames.ts";
import { startPgdog } from "./pgdog_model.ts";
import { ReadOnlyFiles } from "./read_only_files.ts";
import { recover } from "./recover.ts";

function outcomes({ restored }: PgdogRecovery): Record<string, string> {
  return Object.fromEntries(restored.map(({ txn, action }) => [String(txn), action]));
}

Deno.test("D11: pgdog took a flipped bit in a length for a torn tail and cut acknowledged records off", async () => {
  const flipped = fixture("06d-bitflip-length-up");
  const { restored, leftAlone, damage } = await recover(flipped.files);
  assertEquals(restored, []);
  assertEquals(leftAlone.map(({ txn }) => txn), [601n]);
  assertEquals(damage.map(({ file, offset, lsn }) => ({ file, offset, lsn })), [
    { file: named(0), offset: 56, lsn: 1 },
  ]);
  assert(damage[0]?.reason.startsWith("the record is whole, but its length says 65545"));
});

Deno.test("D11: a length that no record has is damage, even with nothing behind it", async () => {
  const longest = 2 ** 24;
  const torn = (length: number) => join(frame(1, [], length).subarray(0, 4), [1, 2, 3, 4, 1, 0x83]);
  for (const length of [100, longest]) {
    assertEquals((await recover(log({ 0: segment(begin(1), torn(length)) }))).damage, []);
  }
  for (const length of [longest + 1, 2 ** 31, 2 ** 32 - 1]) {
    const { damage, leftAlone } = await recover(log({ 0: segment(begin(1), torn(length)) }));
    assertEquals([damage.length, leftAlone.length], [1, 1]);
    assert(damage[0]?.reason.startsWith(`the length of the record is ${length}, no record`));
  }
});

Deno.test("D11: a whole record behind one that runs past the end shows that it is damaged", async () => {
  const bad = frame(1, [], 5000).with(4, 0);
  for (const behind of [end(9), checkpoint(), frame(9, map([["x", [1]]]))]) {
    for (const between of [[], [0, 0, 0], [0xff, 1, 0x80]]) {
      const bytes = segment(begin(1), bad, join(between), behind, Uint8Array.of(1, 2));
      const { damage, leftAlone } = await recover(log({ 0: bytes }));
      assertEquals(leftAlone.length, 1);
      const offset = 54 + bad.length + between.length;
      assert(damage[0]?.reason.endsWith(`but a whole one follows at offset ${offset}`));
    }
  }
});

Deno.test("D12: pgdog forgot at its second start that the log was damaged; its own renames count here", async (t) => {
  for (const { name, files } of FIXTURES) {
    const directory = new Map(files);
    const start = startPgdog(directory);
    if (!start.corruption || name === "11a-unknown-tag") continue;
    await t.step(name, async () => {
      for (let times = 0; times < 3; times++) {
        const { restored, damage } = await recover(directory);
        assert(damage.some(({ file }) => file.endsWith(".wal.broken")));
        assert(restored.every(({ action }) => action === "commit"));
        startPgdog(directory);
      }
    });
  }
});

Deno.test("D12: a segment that pgdog set aside stays damage behind a later Checkpoint", async () => {
  const files = log({ 4: segment(checkpoint({ txn: 7, decided: false }), begin(8)) });
  files.set(`${named(0)}.broken`, segment(begin(1), committing(1)));
  const { restored, leftAlone, damage } = await recover(files);
  assertEquals(restored, []);
  assertEquals(leftAlone.map(({ txn }) => txn), [7n, 8n]);
  assertEquals(damage.map(({ file }) => file), [`${named(0)}.broken`]);
});

Deno.test("D14: pgdog did not notice a missing segment and rolled back what it had decided", async () => {
  const gap = await recover(fixture("11d-missing-segment").files);
  assertEquals(gap.damage, [{
    file: named(4),
    offset: 0,
    lsn: 2,
    reason: "the records from 2 to 3 are missing",
  }]);
  assertEquals(gap.restored, []);
  const overlap = await recover(log({ 0: segment(begin(1), begin(2)), 1: segment(begin(3)) }));
  assertEquals(overlap.leftAlone.length, 3);
  assertEquals(overlap.damage[0]?.lsn, 2);
});

Deno.test("D14: a gap counts from the newest Checkpoint on only", async () => {
  const old = { 0: segment(begin(1)), 9: segment(begin(2), end(2)) };
  const before = await recover(
    log({ ...old, 11: segment(checkpoint({ txn: 3, decided: false })) }),
  );
  assertEquals([before.damage, outcomes(before)], [[], { 3: "rollback" }]);
  const within = log({ ...old, 12: segment(begin(4), checkpoint({ txn: 3, decided: false })) });
  const behind = await recover(within);
  assertEquals([behind.damage, outcomes(behind)], [[], { 3: "rollback" }]);
  within.set(named(15), segment(begin(5)));
  assertEquals((await recover(within)).leftAlone.map(({ txn }) => txn), [3n, 5n]);
});

Deno.test("D14: without its first segment a log is damaged if a decision shows it", async () => {
  const rest = segment(begin(2), committing(1), end(9));
  assertEquals((await recover(log({ 0: rest }))).damage, []);
  const { damage, leftAlone } = await recover(log({ 5: rest }));
  assertEquals(damage.map(({ offset, lsn }) => [offset, lsn]), [[54, 6]]);
  assertEquals(leftAlone.map(({ txn }) => txn), [2n]);
  const ended = segment(begin(2), committing(1), end(1));
  assertEquals((await recover(log({ 5: ended }))).damage, []);
  const restated = segment(committing(1), checkpoint({ txn: 2, decided: false }));
  assertEquals(outcomes(await recover(log({ 5: restated }))), { 2: "rollback" });
  const unknown = segment(checkpoint({ txn: 2, decided: false }), committing(1));
  assertEquals(outcomes(await recover(log({ 5: unknown }))), { 2: "rollback" });
});

Deno.test("D15: pgdog let a second Begin take a decision back; decided is final here", async () => {
  const again = await recover(fixture("11c-begin-after-committing").files);
  assertEquals(outcomes(again), { 1121: "commit" });
  const restated = [begin(1), committing(1), checkpoint({ txn: 1, decided: false })];
  assertEquals(outcomes(await recover(log({ 0: segment(...restated) }))), { 1: "commit" });
  const forgotten = await recover(log({ 0: segment(begin(1), committing(1), end(1), begin(1)) }));
  assertEquals(outcomes(forgotten), { 1: "rollback" });
});

Deno.test("D16: pgdog called a crash while it made a segment corruption", async () => {
  const whole = segment(begin(801), begin(802), committing(802));
  for (let length = 0; length <= 16; length++) {
    for (const header of [segment().subarray(0, length), new Uint8Array(length)]) {
      const files = new Map([[named(0), whole], [named(3), Uint8Array.from(header)]]);
      const { damage } = await recover(files);
      assertEquals(damage, [], `${length} bytes`);
      assertEquals(outcomes(await recover(files)), { 801: "rollback", 802: "commit" });
    }
  }
  const bytes = new Uint8Array(4096);
  assertEquals((await recover(log({ 0: whole, 3: bytes }))).damage, []);
  bytes[4000] = 1;
  assertEquals((await recover(log({ 0: whole, 3: bytes }))).damage.length, 1);
  assertEquals(
    (await recover(log({ 0: whole, 3: new Uint8Array(), 4: segment() }))).damage.length,
    1,
  );
  assertEquals(
    (await recover(log({ 0: whole, 4: new Uint8Array() }))).damage.length,
    1,
    "a gap as well",
  );
});

Deno.test("D17: pgdog called zeros at the end corruption; nothing can have been there", async () => {
  const frames = [begin(901), begin(902), committing(902)];
  const whole = segment(...frames);
  for (const count of [0, 1, 7, 8, 9, 511, 4096, 70_000]) {
    const zeros = new Uint8Array(count);
    const last = await recover(log({ 0: segment(...frames, zeros) }));
    assertEquals([last.damage, outcomes(last)], [[], { 901: "rollback", 902: "commit" }]);
    if (count === 0) continue;
    const older = await recover(log({ 0: segment(...frames, zeros), 3: segment(begin(903)) }));
    assertEquals(older.leftAlone.map(({ txn }) => txn), [901n, 903n]);
    if (count < 8) continue;
    const more = await recover(log({ 0: segment(...frames, zeros, committing(901)) }));
    assertEquals([more.damage.length, outcomes(more)], [1, { 902: "commit" }]);
  }
  const cut = [...committing(901)];
  for (let kept = 1; kept < cut.length; kept++) {
    const { damage } = await recover(
      log({ 0: segment(whole.subarray(16), Uint8Array.from(cut.slice(0, kept))) }),
    );
    assertEquals(damage, [], `${kept} bytes kept`);
  }
});

Deno.test("D17: a last record of full length with a wrong checksum may have been acknowledged", async () => {
  const { damage, leftAlone } = await recover(fixture("10-bad-checksum-at-tail").files);
  assertEquals(
    damage[0]?.reason,
    "the checksum of the record is 6aa74088, that of its bytes 5b79a190",
  );
  assertEquals(leftAlone.map(({ txn }) => txn), [1001n]);
});

Deno.test("D18: pgdog left transactions alone for damage that a Checkpoint had made superfluous", async () => {
  const superfluous = fixture("15-damage-before-checkpoint");
  assertEquals(outcomes(await recover(superfluous.files)), { 1502: "rollback", 1503: "commit" });
  const after = [checkpoint({ txn: 3, decided: false }), begin(4)];
  for (const wrong of [segment(begin(1)).subarray(0, 30), new Uint8Array(), new Uint8Array(99)]) {
    const files = new Map([[named(0), wrong], [named(1), segment(...after)]]);
    assertEquals(outcomes(await recover(files)), { 3: "rollback", 4: "rollback" });
    // Behind the Checkpoint it matters.
    files.set(named(3), wrong).set(named(4), segment(begin(5)));
    assertEquals((await recover(files)).leftAlone.map(({ txn }) => txn), [3n, 4n, 5n]);
  }
});

Deno.test("D19: pgdog named nobody whom it left alone; they are listed here with the place of the damage", async () => {
  const { leftAlone, damage } = await recover(fixture("05-torn-tail-older-segment").files);
  assertEquals(leftAlone, [
    { txn: 502n, user: "app", database: "shop", decided: false },
    { txn: 503n, user: "app", database: "shop", decided: false },
  ]);
  assertEquals(damage, [{
    file: named(0),
    offset: 113,
    lsn: 3,
    reason: "the record is cut short although a segment follows",
  }]);
});

Deno.test("D20: pgdog gave the numbers of lost records out again", async (t) => {
  await t.step("they are above every number in a name and every number read", async () => {
    for (const { name, files, expected } of FIXTURES) {
      if (name === "11a-unknown-tag") continue;
      const { nextLsn, damage } = await recover(files);
      const inNames = [...files.keys()].map((file) =>
        Number(/^\d+(?=\.wal)/.exec(file)?.[0] ?? -1)
      );
      assert(nextLsn > Math.max(...inNames), name);
      const pgdogs = Number(expected.recovery.nextLsn);
      assert(nextLsn >= pgdogs, name);
      if (damage.length === 0 && !inNames.includes(pgdogs)) assertEquals(nextLsn, pgdogs, name);
    }
  });
  await t.step("an unreadable segment counts with all that may have been in it", async () => {
    const frames = [begin(1), committing(1), end(1)];
    const bytes = segment(...frames);
    bytes[0] = 0;
    assert((await recover(log({ 5000: bytes }))).nextLsn >= 5003);
    const flipped = segment(...frames);
    flipped[30] = 0;
    assert((await recover(log({ 0: flipped }))).nextLsn >= 3);
    const setAside = new Map([[`${named(70)}.broken`, segment(...frames)]]);
    assert((await recover(setAside)).nextLsn >= 73);
    assertEquals((await recover(new Map([["90.wal", segment()]]))).nextLsn, 91);
  });
});

Deno.test("D22: pgdog took a later version's record for damage; it stops recovery here", async () => {
  const { directory, files } = fixture("11a-unknown-tag");
  const error = await assertRejects(
    () => recoverPgdogLog(denoFileSystem, directory),
    LogVersionError,
    "holds record kind 9, which a newer version wrote",
  );
  assertEquals(error.place, { file: named(0), offset: 73, lsn: 2 });
  const after = readFiles(directory);
  after.delete("expected.json");
  assertEquals(after, new Map(files));
});

Deno.test("D23: pgdog opened old segments for writing; here they are only read, in pieces", async () => {
  for (const { name, files } of FIXTURES) {
    if (name === "11a-unknown-tag") continue;
    for (const pieceLength of [7, 100, Infinity]) {
      const readOnly = new ReadOnlyFiles(files, { pieceLength });
      assertEquals(await recoverPgdogLog(readOnly.fileSystem, "log"), await recover(files), name);
      assertEquals(readOnly.handles, 0);
      assert(readOnly.opened.every((file) => /^\d{20}\.wal(\.broken)?$/.test(file)), name);
    }
  }
});

Deno.test("D25: pgdog replayed 7.wal; here it is not read, nor is what was set aside, which holds a decision", async () => {
  const { files } = fixture("12-file-names");
  const { restored, leftAlone, damage, nextLsn } = await recover(files);
  assertEquals([restored, leftAlone.map(({ txn }) => txn)], [[], [1201n]]);
  assertEquals(damage.map(({ file }) => file), [`${named(4)}.broken`]);
  assertEquals(nextLsn, 8);
  const cleared = new Map(files);
  cleared.delete(`${named(4)}.broken`);
  assertEquals(outcomes(await recover(cleared)), { 1201: "rollback" });
  assertEquals((await recover(cleared)).nextLsn, 8);
});
