/**
 * Guarantees that options out of their range are refused before anything is opened, with the
 * reason.
 */

import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { assertModes, completeOptions, milliseconds } from "../../src/coordinator/options.ts";
import type { CoordinatorOptions, Participants } from "../../src/coordinator/options.ts";
import { denoPlatform } from "../../src/platform/platform.ts";
import { warnOnConsole } from "../../src/coordinator/events.ts";
import { FakeDatabase } from "./support/fake_database.ts";
import { FakeParticipant } from "./support/fake_participant.ts";

const north = new FakeParticipant(new FakeDatabase("north"));

function complete(options: Partial<CoordinatorOptions<Participants>>) {
  return completeOptions({ directory: "log", participants: { north }, ...options });
}

const TIMES = [
  "timeout",
  "prepareTimeout",
  "settleTimeout",
  "checkTimeout",
  "closeTimeout",
  "sweepInterval",
] as const;

Deno.test("completeOptions() puts the documented defaults in", () => {
  const { onProtocolPoint, onInDoubt, context, ...options } = complete({});
  assertEquals(options, {
    directory: "log",
    participants: { north },
    requireAll: false,
    timeout: 60_000,
    prepareTimeout: 30_000,
    settleTimeout: 10_000,
    checkTimeout: 10_000,
    closeTimeout: 30_000,
    sweepInterval: 60_000,
    maxConcurrentTransactions: 1000,
    keepOutcomes: 10_000,
    forceBegin: false,
    onEvent: warnOnConsole,
    platform: denoPlatform,
  });
  onProtocolPoint("decided", "1");
  onInDoubt({ id: "1", label: null, decision: "commit", since: new Date(0), branches: [] });
  assertEquals(context.getStore(), undefined);
});

Deno.test("completeOptions() keeps what was given", () => {
  const onEvent = () => {};
  const given = { requireAll: true, forceBegin: true, timeout: 1, sweepInterval: 2 ** 31 - 1 };
  const options = complete({ ...given, onEvent });
  assertStrictEquals(options.onEvent, onEvent);
  assertEquals({ ...options, ...given }, options);
});

Deno.test("completeOptions() refuses a directory without a name", () => {
  assertThrows(() => complete({ directory: "" }), TypeError, "name one for the log");
});

Deno.test("completeOptions() refuses no participants, and too many", () => {
  assertThrows(() => complete({ participants: {} }), TypeError, "0 participants");
  const many = Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`p${index}`, north]));
  assertThrows(() => complete({ participants: many }), TypeError, "1001 participants");
});

Deno.test("completeOptions() refuses a name that could not stand everywhere", () => {
  for (const name of ["", "a b", "ä", "a/b", "'", "x".repeat(65), "__proto__"]) {
    assertThrows(() => complete({ participants: { [name]: north } }), RangeError, "no name");
  }
  complete({ participants: { "A-z_0.9": north, ["x".repeat(64)]: north } });
});

for (const name of TIMES) {
  Deno.test(`completeOptions() refuses a ${name} that is no time to wait`, () => {
    for (const value of [0, -1, 1.5, NaN, Infinity, 2 ** 31]) {
      assertThrows(() => complete({ [name]: value }), RangeError, `"${name}"`);
    }
  });
}

Deno.test("milliseconds() takes the fallback only where nothing is given", () => {
  assertEquals([milliseconds("t", undefined, 5), milliseconds("t", 1, 5)], [5, 1]);
  assertThrows(() => milliseconds("t", 0, 5), RangeError);
});

Deno.test("assertModes() refuses what is no isolation level, and tells those that there are", () => {
  for (const level of ["SERIALIZABLE", "snapshot", "", null, 1] as never[]) {
    const message = `Cannot use ${JSON.stringify(level)} as "isolationLevel": it must be one of ` +
      '["read committed","repeatable read","serializable"]';
    assertThrows(() => assertModes({ isolationLevel: level }), RangeError, message);
  }
});

Deno.test("assertModes() refuses a readOnly that is neither true nor false", () => {
  for (const readOnly of ["no", 1, null] as never[]) {
    assertThrows(() => assertModes({ readOnly }), TypeError, "it must be true or false");
  }
  assertModes({ readOnly: false, isolationLevel: "serializable" });
});
