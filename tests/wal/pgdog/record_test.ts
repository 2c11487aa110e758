/**
 * Proves that payloads are taken and refused as pgdog's own decoder (rmp-serde 1.3.1) takes and
 * refuses them. The answers in the tables were recorded from it.
 */

import { assertEquals, assertThrows } from "@std/assert";
import { decodePgdogRecord } from "../../../src/wal/pgdog/record.ts";
import { bigEndian, join, map, text, uint } from "./frames.ts";

function txnOf(payload: Uint8Array | readonly number[]): bigint | undefined {
  const record = decodePgdogRecord(join([2], payload));
  return record.type === "committing" ? record.txn : undefined;
}

function refuses(tag: number, payload: Uint8Array | readonly number[]): void {
  const body = join([tag], payload);
  assertThrows(() => decodePgdogRecord(body), TypeError, "Cannot decode a record of pgdog");
}

Deno.test("pgdog's payloads: a Committing is taken in every form that pgdog takes", () => {
  const taken = {
    "81a374786e05": "a map",
    "de0001a374786e05": "a map with 16 bits of size",
    "df00000001a374786e05": "a map with 32 bits of size",
    "81d90374786e05": "a key with 8 bits of size",
    "81da000374786e05": "a key with 16 bits of size",
    "81db0000000374786e05": "a key with 32 bits of size",
    "81c40374786e05": "a key given as bytes",
    "810005": "a key given as the field's place",
    "9105": "an array",
    "dc000105": "an array with 16 bits of size",
    "dd0000000105": "an array with 32 bits of size",
    "820501a374786e05": "an unknown place",
    "82a1ff01a374786e05": "an unknown key that is no UTF-8",
    "82a161a1ffa374786e05": "an unknown value that is no UTF-8",
    "82a161d40001a374786e05": "an unknown extension",
    "82a161c70500aabbccddeea374786e05": "a longer extension",
    "82a161c402c1c1a374786e05": "unknown bytes",
    "82a16181c0c0a374786e05": "an unknown map with a key that is none",
    "82a95f5f70726f746f5f5f80a374786e05": "an unknown key named __proto__",
    "82a16193c0c3cb3ff0000000000000a374786e05": "an unknown array",
    "81a374786e05ffff": "bytes behind it",
    "81a374786e05c1": "bytes behind it that are no MessagePack",
  };
  for (const [hex, what] of Object.entries(taken)) {
    assertEquals(txnOf(Uint8Array.fromHex(hex)), 5n, what);
  }
});

Deno.test("pgdog's payloads: a Committing is refused in every form that pgdog refuses", () => {
  const refused = {
    "": "nothing",
    "80": "no field",
    "90": "an array without it",
    "920506": "an array with more",
    "05": "no map",
    "c0": "nil",
    "a374786e": "text",
    "c40105": "bytes",
    "81a374786e": "no value",
    "81a37478": "half a key",
    "82a374786e05": "fewer entries than there should be",
    "df00000002a374786e05": "fewer entries than a wide size says",
    "dfffffffffa374786e05": "far fewer",
    "ddffffffff05": "far fewer elements",
    "82a374786e05a374786e06": "the field twice",
    "8200050005": "the field's place twice",
    "82a374786e050005": "the field and its place",
    "82c00181a374786e05": "a key that is nil",
    "82c301a374786e05": "a key that is a boolean",
    "82ff01a374786e05": "a key that is negative",
    "82d00501a374786e05": "a signed key",
    "82ca0000000001a374786e05": "a key that is a float",
    "829001a374786e05": "a key that is an array",
    "828001a374786e05": "a key that is a map",
    "82d4000101a374786e05": "a key that is an extension",
    "82a161c1a374786e05": "a value of the type that is never used",
    "81a374786eff": "a negative number",
    "81a374786ed3ffffffffffffffff": "a negative number of 64 bits",
    "81a374786eca3f800000": "a float",
    "81a374786ec3": "a boolean",
    "81a374786ea135": "text for a number",
    "81a374786e9105": "an array for a number",
    "81a374786ed40005": "an extension for a number",
    "81a374786ecf00000000000000": "half a number",
  };
  for (const [hex, what] of Object.entries(refused)) {
    for (const tag of [2, 3]) {
      assertThrows(
        () => decodePgdogRecord(join([tag], Uint8Array.fromHex(hex))),
        TypeError,
        "Cannot decode a record of pgdog",
        what,
      );
    }
  }
});

Deno.test("pgdog's payloads: numbers of every width and sign keep their value", () => {
  const widths: readonly (readonly [bigint, readonly number[]])[] = [
    [0n, [0]],
    [127n, [0x7f]],
    [5n, [0xcc, 5]],
    [255n, [0xcc, 255]],
    [5n, [0xcd, 0, 5]],
    [65_535n, [0xcd, 255, 255]],
    [2n ** 32n - 1n, [0xce, 255, 255, 255, 255]],
    [5n, [0xcf, 0, 0, 0, 0, 0, 0, 0, 5]],
    [2n ** 53n + 1n, [0xcf, ...bigEndian(2n ** 53n + 1n, 8)]],
    [2n ** 63n, [0xcf, ...bigEndian(2n ** 63n, 8)]],
    [2n ** 64n - 2n, [0xcf, ...bigEndian(2n ** 64n - 2n, 8)]],
    [127n, [0xd0, 127]],
    [32_767n, [0xd1, 127, 255]],
    [2n ** 31n - 1n, [0xd2, 127, 255, 255, 255]],
    [2n ** 63n - 1n, [0xd3, ...bigEndian(2n ** 63n - 1n, 8)]],
  ];
  for (const [value, bytes] of widths) assertEquals(txnOf(map([["txn", bytes]])), value);
});

Deno.test("pgdog's payloads: text is exactly what stands there, or refused", () => {
  const beginOf = (user: Uint8Array | readonly number[]) =>
    decodePgdogRecord(join([1], map([["database", text("d")], ["txn", [1]], ["user", user]])));
  const names = ["", "\ufeffx", "größe", "利用者", "データ🐘", "a\0b", "u".repeat(65_536)];
  for (const name of names) {
    const record = { type: "begin", txn: 1n, user: name, database: "d" } as const;
    assertEquals(beginOf(text(name)), record);
    const utf8 = new TextEncoder().encode(name);
    assertEquals(beginOf(join([0xc6, ...bigEndian(utf8.length, 4)], utf8)), record);
    assertEquals(beginOf(join([0xdb, ...bigEndian(utf8.length, 4)], utf8)), record);
  }
  for (
    const wrong of [[0xa1, 0xff], [0xa2, 0xc3, 0x28], [0xc4, 1, 0xff], [0xa3, 0xed, 0xa0, 0x80]]
  ) {
    assertThrows(() => beginOf(wrong), TypeError, "user is not UTF-8");
  }
  for (const wrong of [[0xc0], [5], [0xc3], [0x90], [0x81, 0xa1, 0x61, 0]]) {
    assertThrows(() => beginOf(wrong), TypeError, "user is not text");
  }
});

Deno.test("pgdog's payloads: every field of a Begin and of a Checkpoint's entry is needed", () => {
  const values = {
    txn: uint(300),
    user: text("app"),
    database: text("shop"),
    decided: [0xc3],
  } as const;
  const names = ["txn", "user", "database", "decided"] as const;
  for (const missing of names) {
    const entry = map(names.filter((name) => name !== missing).map((name) => [name, values[name]]));
    refuses(4, map([["active", join([0x91], entry)]]));
    if (missing !== "decided") refuses(1, entry);
  }
  const whole = map(names.toReversed().map((name) => [name, values[name]]));
  const active = [{ txn: 300n, user: "app", database: "shop", decided: true }];
  const payload = map([["later", [0xc0]], ["active", join([0x91], whole)]]);
  assertEquals(decodePgdogRecord(join([4], payload)), { type: "checkpoint", active });
  for (const wrong of [[0xc0], [0x80], [0x91], [0x91, 5], [0x91, 0xc0], [0x91, 0x90], [0xa0]]) {
    refuses(4, map([["active", wrong]]));
  }
  for (const decided of [[1], [0xc0], [0xa1, 0x31]]) {
    refuses(4, map([["active", join([0x91, 0x94, 0], text(""), text(""), decided)]]));
  }
});

Deno.test("pgdog's payloads: a tag that is not known has no record", () => {
  for (const tag of [0, 5, 255]) refuses(tag, map([["txn", [1]]]));
  assertThrows(() => decodePgdogRecord(new Uint8Array()), TypeError);
});

Deno.test("pgdog's payloads: nesting ends where pgdog's decoder ends it, and needs no stack", () => {
  const nested = (depth: number): Uint8Array => {
    const value = join(new Uint8Array(depth).fill(0x91), [0xc0]);
    return map([["a", value], ["txn", [5]]]);
  };
  const inEntry = (depth: number): Uint8Array => {
    const value = join(new Uint8Array(depth).fill(0x91), [0xc0]);
    const entry = map([
      ["txn", [5]],
      ["user", text("")],
      ["database", text("")],
      ["decided", [0xc2]],
      ["a", value],
    ]);
    return map([["active", join([0x91], entry)]]);
  };
  assertEquals(decodePgdogRecord(join([4], inEntry(1020))).type, "checkpoint");
  refuses(4, inEntry(1021));
  assertEquals(txnOf(nested(1022)), 5n);
  refuses(2, nested(1023));
  refuses(2, nested(1_000_000));
});
