/**
 * Contract, part four: the client in the application's hands. It works in the branch's transaction
 * or not at all, and an application that ends the transaction itself is found out.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BranchEndedError } from "../../../src/coordinator/errors.ts";
import { type Contract, countOutside, listed, open, type TestBranch } from "./subject.ts";

/** What takes the client out of the application's hands. */
const ENDS: Readonly<Record<string, (opened: TestBranch<unknown>) => unknown>> = {
  "examine()": ({ branch }) => branch.examine(),
  "rollback()": ({ branch }) => branch.rollback(),
  "rollback() from its call on": ({ branch }) => void branch.rollback(),
  "commit() and release()": async (opened) => {
    await opened.branch.examine();
    await opened.branch.commit();
    opened.release();
  },
  "prepare() and its settling": async (opened) => {
    await opened.branch.examine();
    await opened.branch.prepare();
    await opened.branch.rollbackPrepared();
    opened.release();
  },
};

/** Registers the tests. */
export function clientContract<Client>(contract: Contract<Client>): void {
  const { dialect, escapes, test } = contract;

  test("a branch's client sees what the branch wrote", async (subject) => {
    await using opened = await open(subject);
    await subject.run(opened.branch.client, dialect.insert(1));
    assertEquals(await subject.run(opened.branch.client, dialect.count), ["1"]);
  });

  for (const [name, end] of Object.entries(ENDS)) {
    test(`a branch's client refuses use after ${name}`, async (subject) => {
      await using opened = await open(subject);
      const { client } = opened.branch;
      await end(opened);
      const used = async () => await subject.run(client, dialect.insert(1));
      await assertRejects(used, TypeError, "Cannot use this client");
      await opened[Symbol.asyncDispose]();
      await assertRejects(used, TypeError, "Cannot use this client");
      assertEquals(await countOutside(subject, dialect), 0);
    });
  }

  for (const [name, escape] of Object.entries(escapes)) {
    test(`a branch's client refuses ${name}, and the branch goes on`, async (subject) => {
      await using opened = await open(subject);
      const { client } = opened.branch;
      await subject.run(client, dialect.insert(1));
      assertThrows(() => escape(client), TypeError, "Cannot ");
      await subject.run(client, dialect.insert(2));
      await opened.branch.examine();
      assertEquals(await opened.branch.commit(), { kind: "done" });
      opened.release();
      assertEquals(await countOutside(subject, dialect), 2);
    });
  }

  for (const ending of dialect.endings) {
    test(`examine() finds out that the application ran ${ending}`, async (subject) => {
      await using opened = await open(subject);
      await subject.run(opened.branch.client, dialect.insert(1));
      await subject.run(opened.branch.client, ending);
      await assertRejects(() => opened.branch.examine(), BranchEndedError);
      await opened[Symbol.asyncDispose]();
      for (const text of dialect.afterEnding) await subject.runOutside(text).catch(() => {});
    });

    test(`prepare() finds out that the application ran ${ending}`, async (subject) => {
      await using opened = await open(subject);
      await subject.run(opened.branch.client, dialect.insert(1));
      await subject.run(opened.branch.client, ending);
      const answer = await opened.branch.prepare();
      assert(answer.kind === "refused" && answer.error instanceof BranchEndedError, answer.kind);
      assertEquals(answer.retryable, false);
      opened.release();
      for (const text of dialect.afterEnding) await subject.runOutside(text).catch(() => {});
      assertEquals(await listed(subject), []);
    });
  }
}
