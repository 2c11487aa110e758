/**
 * Contract, part one: who the database is, how a branch begins, and whether it has written.
 *
 * @module
 */

import { assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import type { IsolationLevel } from "../../../src/coordinator/participant.ts";
import {
  assertPrepared,
  type Contract,
  countOutside,
  GID_PREFIX,
  newGid,
  open,
  openWritten,
} from "./subject.ts";

const LEVELS: readonly IsolationLevel[] = ["read committed", "repeatable read", "serializable"];

/** None of these may ever stand in a statement. */
export const UNSAFE_GIDS: readonly string[] = [
  "",
  "it's",
  'a"b',
  "a b",
  "a;b",
  "a\\b",
  "a\nb",
  "a\n",
  "a\0",
  "gid_\u00e9",
  "g".repeat(65),
];

/** Registers the tests. */
export function beginningContract<Client>(contract: Contract<Client>): void {
  identityTests(contract);
  tokenTests(contract);
  optionTests(contract);
}

/** Which database it is. */
function identityTests<Client>(contract: Contract<Client>): void {
  const { test } = contract;

  test("check() gives a lasting identity, and another for another database", async (subject) => {
    const { identity } = await subject.participant.check(GID_PREFIX);
    assertMatch(identity, /^\S+$/);
    assertEquals((await subject.participant.check(GID_PREFIX)).identity, identity);
    assertNotEquals((await subject.other.check(GID_PREFIX)).identity, identity);
    await using again = await contract.makeSubject();
    assertEquals((await again.participant.check(GID_PREFIX)).identity, identity);
  });
}

/** Whether a branch has written. */
function tokenTests<Client>({ dialect, test }: Contract<Client>): void {
  test("examine() is null after nothing and after reading", async (subject) => {
    for (const text of [null, dialect.read]) {
      await using opened = await open(subject);
      if (text !== null) await subject.run(opened.branch.client, text);
      assertEquals(await opened.branch.examine(), { wrote: false, token: null });
      assertEquals(await opened.branch.commit(), { kind: "done" });
    }
  });

  test("examine() is set after writing, another for each branch", async (subject) => {
    const tokens = new Set<string>();
    for (let round = 0; round < 3; round++) {
      await using opened = await openWritten(subject, dialect);
      tokens.add(opened.token);
    }
    assertEquals(tokens.size, 3);
  });

  test("examine() is set after locking", async (subject) => {
    await subject.runOutside(dialect.insert(1));
    await using opened = await open(subject);
    await subject.run(opened.branch.client, dialect.lock);
    const writes = dialect.ways?.lockingIsWriting ?? true;
    assertEquals((await opened.branch.examine()).wrote, writes);
  });

  for (const text of dialect.visibleWrites) {
    test(`a branch knows that it wrote after ${text}`, async (subject) => {
      await subject.runOutside(dialect.insert(1));
      await using opened = await open(subject);
      assertEquals(opened.branch.wrote, false);
      await subject.run(opened.branch.client, text);
      assertEquals(opened.branch.wrote, true);
      await subject.run(opened.branch.client, dialect.read);
      assertEquals(opened.branch.wrote, true);
      assertEquals((await opened.branch.examine()).wrote, true);
    });
  }

  for (const text of dialect.silent) {
    test(`a branch does not say that it wrote after ${text}`, async (subject) => {
      await subject.runOutside(dialect.insert(1));
      await using opened = await open(subject);
      await subject.run(opened.branch.client, text);
      assertEquals(opened.branch.wrote, false);
    });
  }
}

/** How a branch begins. */
function optionTests<Client>({ dialect, test }: Contract<Client>): void {
  test("begin() sets the isolation level, for this branch only", async (subject) => {
    const [usual] = await subject.runOutside(dialect.isolationLevel);
    for (const isolationLevel of [...LEVELS, ...LEVELS.toReversed()]) {
      await using opened = await open(subject, { isolationLevel });
      assertEquals(await subject.run(opened.branch.client, dialect.isolationLevel), [
        isolationLevel,
      ]);
      await opened[Symbol.asyncDispose]();
      await using plain = await open(subject);
      assertEquals(await subject.run(plain.branch.client, dialect.isolationLevel), [usual]);
    }
  });

  test("begin() makes a branch that must not write, for this branch only", async (subject) => {
    for (const options of [{ readOnly: true }, { readOnly: true, isolationLevel: LEVELS[1]! }]) {
      await using opened = await open(subject, options);
      assertEquals(await subject.run(opened.branch.client, dialect.count), ["0"]);
      await assertRejects(() => subject.run(opened.branch.client, dialect.insert(1)));
      await opened[Symbol.asyncDispose]();
      await using writing = await open(subject, { readOnly: false });
      await subject.run(writing.branch.client, dialect.insert(1));
    }
    assertEquals(await countOutside(subject, dialect), 0);
  });

  test("begin() refuses an isolation level that there is not", async (subject) => {
    const isolationLevel = "chaos; DROP TABLE entry" as IsolationLevel;
    await assertRejects(() => open(subject, { isolationLevel }), RangeError, "isolation level");
  });

  test("begin() and prepare() take the longest gid", async (subject) => {
    const gid = newGid().padEnd(64, "x");
    await using opened = await openWritten(subject, dialect, { gid });
    assertPrepared(await opened.branch.prepare(), opened.token);
    assertEquals(await opened.branch.rollbackPrepared(), { kind: "done" });
  });

  test("begin() and listPrepared() refuse an unsafe gid", async (subject) => {
    for (const gid of UNSAFE_GIDS) {
      await assertRejects(() => open(subject, { gid }), RangeError, "Cannot use", gid);
      // The empty prefix asks for everything.
      if (gid === "") continue;
      await assertRejects(() => subject.participant.listPrepared(gid), RangeError, "Cannot use");
    }
  });
}
