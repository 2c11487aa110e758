/**
 * Guarantees what a check of a database comes to: who it is, made durable before it is used; and
 * why it cannot be used, in the class that says what to do.
 */

import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import {
  ParticipantConfigurationError,
  ParticipantIdentityError,
  ParticipantUnavailableError,
} from "../../src/coordinator/errors.ts";
import { Member } from "../../src/coordinator/member.ts";
import { FakeDatabase } from "./support/fake_database.ts";
import { FakeLog, refused } from "./support/fake_log.ts";
import { FakeParticipant } from "./support/fake_participant.ts";
import { fails, hangs } from "./support/faults.ts";
import { SteppedClock } from "./support/stepped_clock.ts";

function make(name = "north", database = new FakeDatabase(name)) {
  const participant = new FakeParticipant(database);
  return { database, participant, member: new Member(name, participant) };
}

function check(member: Member, log: FakeLog, others: Member[] = [], clock = new SteppedClock()) {
  return clock.run(member.check(log, clock, 1000, others));
}

Deno.test("Member begins unchecked and cannot be used", () => {
  const { member } = make();
  assertInstanceOf(member.error, ParticipantUnavailableError);
  assertEquals([member.error.participant, member.identity], ["north", null]);
});

Deno.test("Member.check() makes a new database durable before it may be used", async () => {
  const { member, participant } = make();
  const log = new FakeLog();
  const gate = Promise.withResolvers<void>();
  log.next("register", async (keep) => {
    await gate.promise;
    assert(member.error !== null, "it was usable before the log knew it");
    keep();
  });
  const checking = check(member, log);
  gate.resolve();
  assertEquals(await checking, null);
  assertEquals(log.participants.get("north"), {
    name: "north",
    kind: "fake",
    identity: "fake:north",
  });
  assertEquals([member.error, member.identity], [null, "fake:north"]);
  assertEquals(participant.prefixes, ["indoubt_fake_"]);
});

Deno.test("Member.check() registers a database only once", async () => {
  const { member } = make();
  const log = new FakeLog();
  await check(member, log);
  await check(member, log);
  await check(make().member, log.reopen());
  assertEquals(log.trace.only("log"), ["log register", "log register synced"]);
});

Deno.test("Member.check() refuses another database than the log remembers", async () => {
  const log = new FakeLog();
  await check(make().member, log);
  const { member, database } = make();
  database.identity = "fake:restored elsewhere";
  const error = await check(member, log.reopen());
  assertInstanceOf(error, ParticipantIdentityError);
  assertEquals([error.participant, error.expected, error.found], [
    "north",
    "fake:north",
    "fake:restored elsewhere",
  ]);
  assertStrictEquals(member.error, error);
  assertEquals(member.identity, null);
});

Deno.test("Member.check() refuses the same database under two names", async () => {
  const log = new FakeLog();
  const { member, database } = make();
  await check(member, log);
  const twin = make("south", database).member;
  const error = await check(twin, log, [member, twin]);
  assertInstanceOf(error, ParticipantConfigurationError);
  assertEquals(error.participant, "south");
  assert(error.reason.includes('"north"'), error.reason);
  assertEquals(log.participants.size, 1);
});

Deno.test("Member.check() puts the name to an adapter's configuration error", async () => {
  const { member, database } = make();
  database.allowsPrepared = false;
  const error = await check(member, new FakeLog());
  assertInstanceOf(error, ParticipantConfigurationError);
  assertEquals(error.participant, "north");
  assertEquals(error.reason, "prepared transactions are disabled");
});

Deno.test("Member.check() takes every other failure for an outage", async () => {
  const { member, database } = make();
  const cause = new Error("connection refused");
  database.script.next("check", fails(cause));
  const error = await check(member, new FakeLog());
  assertInstanceOf(error, ParticipantUnavailableError);
  assertEquals([error.participant, error.cause], ["north", cause]);
});

Deno.test("Member.check() does not wait for ever", async () => {
  const { member, database } = make();
  const clock = new SteppedClock();
  database.script.next("check", hangs);
  const error = await check(member, new FakeLog(), [], clock);
  assertInstanceOf(error, ParticipantUnavailableError);
  assert(error.message.includes("1000 ms"), error.message);
  assertEquals(clock.elapsed(), 1000);
});

Deno.test("Member.check() refuses a database that the log could not take", async () => {
  const { member } = make();
  const log = new FakeLog();
  log.next("register", refused);
  assert(await check(member, log) !== null);
  assert(member.error !== null);
  assertEquals(log.participants.size, 0);
});

Deno.test("Member.check() makes a database usable when it is back", async () => {
  const { member, database } = make();
  const log = new FakeLog();
  database.disconnect();
  assertInstanceOf(await check(member, log), ParticipantUnavailableError);
  database.reconnect();
  assertEquals([await check(member, log), member.error], [null, null]);
});
