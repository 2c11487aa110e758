/**
 * PGlite keeps the contract of a participant, and its own promise: since it has one session, a
 * statement that would have to wait for a prepared branch waits in its queue and never in the
 * engine, where it would stop the whole process.
 */

import type { PGlite, Transaction } from "@electric-sql/pglite";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ParticipantConfigurationError } from "../../src/coordinator/errors.ts";
import { pglite } from "../../src/participants/pglite/pglite.ts";
import { participantContract } from "./contract.ts";
import { assertPrepared, open, openWritten, outcomeOf } from "./contract/subject.ts";
import {
  createPglite,
  firstColumn,
  type PgliteHost,
  type Register,
  testOnPglite,
} from "./pglite_subject.ts";
import { soon } from "../servers/databases.ts";
import { postgresqlDialect as dialect } from "./postgresql/dialect.ts";

testOnPglite("pglite keeps the contract of a participant", (register, host) => {
  participantContract<Transaction>("pglite", {
    dialect,
    branches: "one",
    escapes: { rollback: (transaction) => transaction.rollback() },
    makeSubject: () => host().subject(),
    register,
  });
});

/** Whether a promise is still pending after the session has had a turn for everything queued. */
async function isWaiting(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  const later = new Promise((resolve) => setTimeout(() => resolve(pending), 50));
  return await Promise.race([promise, later]) === pending;
}

/** A statement of the application that needs the row which a branch has written. */
function conflicting(db: PGlite): Promise<string[]> {
  return firstColumn(db, "UPDATE entry SET value = value + 1 RETURNING value::text");
}

Deno.test("pglite: check() says what to do when prepared transactions are disabled", async () => {
  const db = await createPglite(0);
  try {
    const error = await assertRejects(
      () => pglite(db).check("indoubt_x_"),
      ParticipantConfigurationError,
    );
    assertStringIncludes(error.reason, "max_prepared_transactions is 0");
    assertStringIncludes(error.reason, "set it to at least");
  } finally {
    await db.close();
  }
});

/** Who waits for what, without stopping the process. */
function queueTests(test: Register, host: () => PgliteHost): void {
  test("pglite: a statement outside waits while a branch is open", async () => {
    await using subject = await host().subject();
    await subject.runOutside(dialect.insert(1));
    await using opened = await open(subject);
    await subject.run(opened.branch.client, "UPDATE entry SET value = 10");
    const outside = conflicting(host().db);
    assert(await isWaiting(outside), "it must not run before the branch has ended");
    await opened.branch.examine();
    assertEquals(await opened.branch.commit(), { kind: "done" });
    opened.release();
    assertEquals(await outside, ["11"]);
  });

  test("pglite: a statement outside waits for a prepared branch to be settled", async () => {
    for (const [end, value] of [["commitPrepared", "11"], ["rollbackPrepared", "2"]] as const) {
      await using subject = await host().subject();
      await subject.runOutside(dialect.insert(1));
      await using opened = await open(subject);
      await subject.run(opened.branch.client, "UPDATE entry SET value = 10");
      const { token } = await opened.branch.examine();
      assertPrepared(await opened.branch.prepare(), token);
      const outside = conflicting(host().db);
      assert(await isWaiting(outside), "it must not run while the branch's session is taken");
      opened.release();
      assert(await isWaiting(outside), "it must not run before the branch is settled");
      assertEquals(await subject.participant[end](opened.gid), { kind: "done" });
      assertEquals(await outside, [value]);
    }
  });

  test("pglite: the next branch waits for a prepared branch to be settled", async () => {
    await using subject = await host().subject();
    await using first = await openWritten(subject, dialect);
    assertPrepared(await first.branch.prepare(), first.token);
    const second = open(subject);
    assert(await isWaiting(second), "the session is taken");
    first.release();
    assert(await isWaiting(second), "the branch is prepared");
    assertEquals(await subject.participant.commitPrepared(first.gid), { kind: "done" });
    await using opened = await second;
    assertEquals(await subject.run(opened.branch.client, dialect.count), ["1"]);
  });

  test("pglite: check() and listPrepared() do not wait for a branch that is open", async () => {
    await using subject = await host().subject();
    const { participant } = subject;
    const checked = await participant.check("indoubt_");
    const first = await openWritten(subject, dialect);
    assertEquals(await soon("it is checked", participant.check("indoubt_")), checked);
    assertEquals(await soon("it is swept", participant.listPrepared("")), []);
    // In the queue are: a branch, then who asks.
    const opening = open(subject);
    const asked = [participant.check("indoubt_"), participant.listPrepared("")] as const;
    await first.branch.rollback();
    first.release();
    await using second = await opening;
    const behind = [participant.check("indoubt_"), participant.listPrepared("")] as const;
    for (const [checking, listing] of [asked, behind]) {
      assertEquals(await soon("it is checked", checking), checked);
      assertEquals(await soon("it is swept", listing), []);
    }
    // What is prepared is listed.
    await subject.run(second.branch.client, dialect.insert(1));
    assertEquals((await second.branch.prepare()).kind, "done");
    second.release();
    assertEquals((await participant.listPrepared("")).map(({ gid }) => gid), [second.gid]);
    assertEquals(await participant.rollbackPrepared(second.gid), { kind: "done" });
  });

  test("pglite: who asks before a branch comes is answered when it has come", async () => {
    await using subject = await host().subject();
    const { db } = host();
    const { participant } = subject;
    const checked = await participant.check("indoubt_");
    const [entered, leaving] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const own = db.transaction(async () => {
      entered.resolve();
      await leaving.promise;
    });
    await entered.promise;
    const opening = open(subject);
    const asked = [participant.check("indoubt_"), participant.listPrepared("")] as const;
    assert(await isWaiting(asked[0]), "the application has the instance");
    leaving.resolve();
    await own;
    await using opened = await opening;
    assertEquals(await soon("it is checked", asked[0]), checked);
    assertEquals(await soon("it is swept", asked[1]), []);
    await opened.branch.rollback();
  });

  test("pglite: interrupt() has nothing to do", async () => {
    await using subject = await host().subject();
    await using opened = await openWritten(subject, dialect);
    await opened.branch.interrupt();
    assertEquals(await opened.branch.commit(), { kind: "done" });
    opened.release();
    assertEquals(await subject.runOutside(dialect.count), ["1"]);
  });

  test("pglite: a client kept by the application is of no use in the next branch", async () => {
    await using subject = await host().subject();
    await using first = await open(subject);
    const { client } = first.branch;
    await first[Symbol.asyncDispose]();
    await using second = await open(subject);
    await assertRejects(
      async () => await client.query(dialect.insert(1)),
      TypeError,
      "Cannot use this client",
    );
    assertEquals(await subject.run(second.branch.client, dialect.count), ["0"]);
  });
}

/** What a branch holds that is prepared and not settled, whoever prepared it. */
function preparedTests(test: Register, host: () => PgliteHost): void {
  test("pglite: listPrepared() and outcomeOf() answer while a branch stays prepared", async () => {
    await using subject = await host().subject();
    await using opened = await openWritten(subject, dialect);
    assertPrepared(await opened.branch.prepare(), opened.token);
    opened.release();
    const { participant } = subject;
    assertEquals((await participant.listPrepared("")).map(({ gid }) => gid), [opened.gid]);
    assertEquals(await outcomeOf(subject, opened.token), "in progress");
    await participant.check("indoubt_");
    assertEquals(await participant.commitPrepared(`${opened.gid}x`), { kind: "absent" });
    const outside = conflicting(host().db);
    assert(await isWaiting(outside), "an absent gid must not let the prepared one go");
    assertEquals(await participant.rollbackPrepared(opened.gid), { kind: "done" });
    await outside;
  });

  test("pglite: acquire() is refused while a foreign transaction is prepared", async () => {
    await using subject = await host().subject();
    await subject.runOutside(dialect.prepare("foreign"));
    const error = await assertRejects(
      () => subject.participant.acquire(),
      Error,
      "foreign prepared",
    );
    assertStringIncludes(error.message, "settle it first");
    // Nothing is held by the refusal, and settling it opens the way.
    assertEquals(await subject.participant.rollbackPrepared("foreign"), { kind: "done" });
    await using opened = await openWritten(subject, dialect);
    await opened.branch.rollback();
  });

  test("pglite: a transaction prepared by an earlier process can be settled", async () => {
    for (const end of ["commitPrepared", "rollbackPrepared"] as const) {
      await using subject = await host().subject();
      await subject.runOutside(dialect.prepare("indoubt_earlier_1_0"));
      assertEquals(await subject.participant[end]("indoubt_earlier_1_0"), { kind: "done" });
      assertEquals(await subject.participant.listPrepared(""), []);
    }
  });

  test("pglite: a branch given back before PREPARE is answered is settled before anyone else has a turn", async () => {
    for (const end of ["commitPrepared", "rollbackPrepared"] as const) {
      await using subject = await host().subject();
      await using opened = await openWritten(subject, dialect);
      const outside = subject.runOutside("SELECT gid FROM pg_prepared_xacts");
      const preparing = opened.branch.prepare();
      opened.release();
      const settling = subject.participant[end](opened.gid);
      assertPrepared(await preparing, opened.token);
      assertEquals(await settling, { kind: "done" });
      assertEquals(await outside, [], "a statement came between that could have waited for ever");
    }
  });

  test("pglite: a branch given back before PREPARE is refused holds nothing", async () => {
    await using subject = await host().subject();
    await using opened = await open(subject);
    for (const text of [dialect.insert(1), "LISTEN orders"]) {
      await subject.run(opened.branch.client, text);
    }
    const preparing = opened.branch.prepare();
    opened.release();
    assertEquals((await preparing).kind, "refused");
    assertEquals(await subject.runOutside(dialect.count), ["0"]);
    assertEquals(await subject.participant.rollbackPrepared(opened.gid), { kind: "absent" });
    await using next = await openWritten(subject, dialect);
    assertEquals(await next.branch.commit(), { kind: "done" });
  });

  test("pglite: detach() lets go of what an unsettled branch holds", async () => {
    await using subject = await host().subject();
    await using opened = await openWritten(subject, dialect);
    assertPrepared(await opened.branch.prepare(), opened.token);
    opened.release();
    const outside = subject.runOutside("SELECT gid FROM pg_prepared_xacts");
    assert(await isWaiting(outside));
    subject.participant.detach();
    assertEquals(await outside, [opened.gid]);
    subject.participant.detach();
    assertEquals(await subject.participant.rollbackPrepared(opened.gid), { kind: "done" });
  });
}

testOnPglite("pglite keeps what would wait in its queue", (test, host) => {
  queueTests(test, host);
  preparedTests(test, host);
});
