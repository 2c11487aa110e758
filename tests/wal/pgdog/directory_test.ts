/**
 * Proves which files of a log directory are pgdog's segments and which are not, and that no number
 * in a name is lost.
 */

import { assertEquals, assertThrows } from "@std/assert";
import { sortPgdogDirectory } from "../../../src/wal/pgdog/directory.ts";
import { fixture, FIXTURES } from "./fixtures.ts";
import { named } from "./frames.ts";

Deno.test("pgdog's directory: files are sorted by what their names say", () => {
  const names = [
    ".lock",
    named(12),
    named(4),
    `${named(4)}.broken`,
    `${named(0)}.broken.2`,
    "7.wal",
    "+10.wal",
    "000000000000000000013.wal",
    "0000000000000000001.wal.broken",
    "notanumber.wal",
    ".wal",
    "-1.wal",
    " 1.wal",
    "1e3.wal",
    `${named(9)}.unfinished`,
    `${named(9)}~`,
    `a${named(9)}`,
    named(9).toUpperCase(),
    "00000000000000000009.wal\n",
    "identity.json",
  ];
  const sorted = sortPgdogDirectory(names);
  assertEquals(sorted.segments, [{ name: named(4), firstLsn: 4 }, {
    name: named(12),
    firstLsn: 12,
  }]);
  assertEquals(sorted.setAside, [
    { name: `${named(0)}.broken.2`, firstLsn: 0 },
    { name: "0000000000000000001.wal.broken", firstLsn: 1 },
    { name: `${named(4)}.broken`, firstLsn: 4 },
  ]);
  assertEquals(sorted.misnamed.map(({ firstLsn }) => firstLsn), [7, 10, 13]);
  assertEquals(sorted.ignored.length, 12);
});

Deno.test("pgdog's directory: the fixtures' files are what is expected of them", () => {
  for (const { name, files, expected } of FIXTURES) {
    const { segments } = sortPgdogDirectory(files.keys());
    const read = expected.segments.filter(({ ignored }) => !ignored).map(({ file }) => file);
    // The one name that pgdog read and we do not.
    assertEquals(segments.map((each) => each.name), read.filter((file) => file !== "7.wal"), name);
  }
});

Deno.test("D25: pgdog replayed 7.wal and +10.wal; a segment has exactly 20 digits here", () => {
  const { segments, misnamed } = sortPgdogDirectory(fixture("12-file-names").files.keys());
  assertEquals(segments.map(({ name }) => name), [named(0)]);
  assertEquals(misnamed, [{ name: "7.wal", firstLsn: 7 }]);
});

Deno.test("pgdog's directory: a number beyond the safe integers is refused", () => {
  const [largest] = sortPgdogDirectory([named(Number.MAX_SAFE_INTEGER)]).segments;
  assertEquals(largest?.firstLsn, Number.MAX_SAFE_INTEGER);
  for (const lsn of [2n ** 53n, 2n ** 64n - 1n, 99_999_999_999_999_999_999n]) {
    for (const suffix of ["", ".broken"]) {
      assertThrows(
        () => sortPgdogDirectory([named(lsn) + suffix]),
        RangeError,
        `Cannot read the log of pgdog: the number of ${named(lsn)}${suffix} is above`,
      );
    }
  }
});
