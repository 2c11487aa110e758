/**
 * Guarantees that whatever answers to `@std/msgpack` here, the original or its stand-in, behaves as
 * recorded from version 1.0.3 in `tests/fixtures/std-msgpack/vectors.json`, and that everything else is
 * what another implementation of MessagePack makes of it.
 */

import { deepStrictEqual, notStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { Decoder, Encoder } from "@msgpack/msgpack";
import { decode, encode, type ValueType } from "@std/msgpack";
import { decode as decodeEntry } from "@std/msgpack/decode";
import { encode as encodeEntry, type ValueMap } from "@std/msgpack/encode";
import fc from "fast-check";
import vectors from "../fixtures/std-msgpack/vectors.json" with { type: "json" };

/** Turns what JSON cannot hold (see the fixture's README) into the value meant. */
function revive(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if ("$bigint" in value) return BigInt(String(value.$bigint));
  if ("$bytes" in value) return Uint8Array.fromHex(String(value.$bytes));
  if ("$number" in value) return Number(value.$number);
  return value;
}

function revived(value: unknown): ValueType {
  return JSON.parse(JSON.stringify(value), revive) as ValueType;
}

/** Class and message, exactly: a subclass would not do. */
function throwsExactly(run: () => unknown, error: string, message: string): void {
  throws(run, (thrown: Error) => {
    strictEqual(thrown.constructor.name, error);
    strictEqual(thrown.message, message);
    return true;
  });
}

function bytes(...parts: readonly number[]): Uint8Array {
  return Uint8Array.from(parts);
}

/** The values that `encodeRefused` only names. */
const refused = new Map<string, unknown>([
  ["2^64", 2n ** 64n],
  ["-2^63-1", -(2n ** 63n) - 1n],
  ["undefined", undefined],
  ["function", () => {}],
  ["Date", new Date(0)],
  ["Map", new Map()],
  ["symbol", Symbol("s")],
]);

Deno.test("msgpack: every recorded value has the recorded bytes and comes back", () => {
  ok(vectors.encode.length > 0);
  for (const { value, hex, decoded } of vectors.encode) {
    strictEqual(encode(revived(value)).toHex(), hex);
    deepStrictEqual(decode(Uint8Array.fromHex(hex)), revived(decoded));
  }
});

Deno.test("msgpack: every malformed input has the recorded outcome", () => {
  for (const { hex, decoded, error, message } of vectors.decodeMalformed) {
    const run = () => decode(Uint8Array.fromHex(hex));
    if (error === undefined) deepStrictEqual(run(), revived(decoded));
    else throwsExactly(run, error, message);
  }
});

Deno.test("msgpack: every refused value has the recorded error, also when nested", () => {
  for (const { value: name, error, message } of vectors.encodeRefused) {
    ok(refused.has(name), name);
    const value = refused.get(name) as ValueType;
    for (const whole of [value, [1, value], { key: { inner: value } }]) {
      throwsExactly(() => encode(whole), error, message);
    }
  }
});

Deno.test("msgpack: a recorded value keeps its bytes inside an array and a map", () => {
  for (const { value, hex } of vectors.encode) {
    const whole: ValueMap = { list: [revived(value)] };
    strictEqual(encode(whole).toHex(), `81a46c69737491${hex}`);
    deepStrictEqual(decode(encode(whole)), { list: [revived(vectorOf(hex))] });
  }
});

function vectorOf(hex: string): unknown {
  return vectors.encode.find((vector) => vector.hex === hex)?.decoded;
}

Deno.test("msgpack: every proper beginning of a recorded value is refused", () => {
  for (const { hex } of vectors.encode) {
    const whole = Uint8Array.fromHex(hex);
    for (let length = 0; length < whole.length; length++) {
      throwsExactly(
        () => decode(whole.subarray(0, length)),
        "EvalError",
        "Messagepack decode reached end of array prematurely",
      );
    }
  }
});

Deno.test("msgpack: text is what the UTF-8 encoder and decoder of the platform make of it", () => {
  strictEqual(encode("a\ud800").toHex(), "a461efbfbd");
  deepStrictEqual(decode(encode({ "\udc00": "\ufeffx" })), { "\ufffd": "x" });
  // Invalid text as a key and as a value, between bytes that must stay as they are
  const mixed = bytes(0x93, 0xc4, 1, 0xff, 0x81, 0xa1, 0xff, 0xa3, 0xf0, 0x9f, 0xa6, 0xc4, 1, 0xfe);
  deepStrictEqual(decode(mixed), [bytes(0xff), { "\ufffd": "\ufffd" }, bytes(0xfe)]);
  strictEqual(decode(bytes(0xd9, 1, 0xff)), "\ufffd");
});

Deno.test("msgpack: what is encoded owns its buffer, what is decoded may begin anywhere", () => {
  const first = encode({ id: 1n });
  strictEqual(first.buffer.byteLength, first.length);
  notStrictEqual(first.buffer, encode({ id: 1n }).buffer);
  const framed = bytes(9, 9, 0xc4, 2, 1, 2, 9).subarray(2, 6);
  const inner = decode(framed);
  deepStrictEqual(inner, bytes(1, 2));
  ok(inner instanceof Uint8Array && inner.buffer === framed.buffer);
});

Deno.test("msgpack: keys other than text and numbers are refused, maps need no prototype", () => {
  const message =
    "Cannot decode a key of a map: The type of key is invalid, keys must be a number or a string";
  for (const key of [[0xc0], [0xc4, 0], [0x90], [0xcf, 0, 0, 0, 0, 0, 0, 0, 1]]) {
    throwsExactly(() => decode(bytes(0x81, ...key, 1)), "EvalError", message);
  }
  const bare: ValueMap = Object.assign(Object.create(null), { key: 1 });
  strictEqual(encode(bare).toHex(), "81a36b657901");
  throws(() => encode(new Array<ValueType>(1)), TypeError);
});

Deno.test("msgpack: the separate entries are the same functions", () => {
  strictEqual(encodeEntry, encode);
  strictEqual(decodeEntry, decode);
});

const text = fc.string({ unit: "grapheme", maxLength: 300 });
const key = text.filter((text) => text !== "__proto__");
const values = fc.letrec<{ value: ValueType }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), fc.nat(70_000), fc.double(), text),
    fc.oneof(fc.bigInt(-(2n ** 63n), 2n ** 64n - 1n), fc.uint8Array({ maxLength: 300 })),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(key, tie("value"), { maxKeys: 20 }),
  ),
})).value;

Deno.test("msgpack: any value has the bytes of another implementation, and comes back from them", () => {
  const encoder = new Encoder({ useBigInt64: true });
  const decoder = new Decoder({ useBigInt64: true });
  fc.assert(fc.property(values, (value) => {
    const bytes = encode(value);
    deepStrictEqual(bytes, encoder.encode(value));
    deepStrictEqual(decode(bytes), decoder.decode(bytes));
  }));
});

Deno.test("msgpack: sizes on both sides of every width are those of another implementation", () => {
  const encoder = new Encoder();
  for (const size of [15, 16, 31, 32, 255, 256, 65_535, 65_536]) {
    const list = new Array<ValueType>(size).fill(null);
    const map = Object.fromEntries(list.map((_, index) => [`key ${index}`, index]));
    for (const value of ["x".repeat(size), new Uint8Array(size), list, map]) {
      const bytes = encode(value);
      deepStrictEqual(bytes, encoder.encode(value));
      deepStrictEqual(decode(bytes), value);
    }
  }
});
