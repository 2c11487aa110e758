/**
 * Settling from another session on MariaDB: a branch is not named as long as its session is there, nor right after;
 * and an OK is not believed while the branch's row is locked.
 */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  HANDOVER_MS,
  LeftBranches,
  MAX_LEFT,
} from "../../../src/participants/mysql/left_branches.ts";
import { OutcomeTable } from "../../../src/participants/mysql/outcome_table.ts";
import { Settling } from "../../../src/participants/mysql/settling.ts";
import { ManualClock } from "../../simulation/manual_clock.ts";
import { type Answer, answered, lost, ScriptedSession } from "./scripted_session.ts";

const GID = "indoubt_settling_1_0";
const SESSION = { connection: "7", serverStart: 1000 };
/** The list of sessions, with one that has the number 7 or without it, 100 s after the server was started. */
const THERE = [["3", "1100"], ["7", "1100"]];
const GONE = [["3", "1100"]];

function make(script: Record<string, Answer>, { mariadb = true, proven = false } = {}) {
  const clock = new ManualClock();
  const settling = new Settling(clock);
  if (mariadb) settling.beware(proven ? new OutcomeTable("outcome", 7, () => 5) : null);
  const session = new ScriptedSession({ "SHOW GLOBAL STATUS": [["Uptime", "100"]], ...script });
  return { clock, settling, session };
}

/** Lets what is ready to run do so. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("Settling: a branch is not named as long as its session is there, nor for a moment longer", async () => {
  const { clock, settling, session } = make({ "SELECT ID": { inTurn: [THERE, GONE] } });
  settling.leave(GID, SESSION);
  const answer = await settling.settle(session, "COMMIT", GID);
  assert(answer.kind === "later");
  assertStringIncludes(String(answer.error), "the session that prepared it has not ended");
  const settling_ = settling.settle(session, "COMMIT", GID);
  await settled();
  clock.advance(HANDOVER_MS - 1);
  await settled();
  assertEquals(session.ran.filter((text) => text.startsWith("XA")), []);
  clock.advance(1);
  assertEquals(await settling_, { kind: "done" });
  // It is not looked for again.
  const asked = session.ran.length;
  await settling.settle(session, "COMMIT", GID);
  assertEquals(session.ran.length, asked + 1);
});

Deno.test("Settling: a session of another run of the server is another one", async () => {
  const { clock, settling, session } = make({ "SELECT ID": THERE });
  settling.leave(GID, { ...SESSION, serverStart: 900 });
  const answer = settling.settle(session, "ROLLBACK", GID);
  await settled();
  clock.advance(HANDOVER_MS);
  assertEquals(await answer, { kind: "done" });
});

Deno.test("Settling: MySQL and branches of other processes are not looked for", async () => {
  const mysql = make({}, { mariadb: false });
  mysql.settling.leave(GID, SESSION);
  assertEquals(await mysql.settling.settle(mysql.session, "COMMIT", GID), { kind: "done" });
  const other = make({});
  assertEquals(await other.settling.settle(other.session, "COMMIT", GID), { kind: "done" });
  assertEquals([mysql.session.ran.length, other.session.ran.length], [1, 1]);
});

Deno.test("Settling: one look is for all, and one moment", async () => {
  const { clock, settling, session } = make({ "SELECT ID": GONE });
  const gids = [1, 2, 3].map((number) => `${GID}${number}`);
  for (const gid of gids) settling.leave(gid, SESSION);
  const first = settling.settle(session, "COMMIT", gids[0]!);
  await settled();
  clock.advance(HANDOVER_MS);
  await first;
  for (const gid of gids.slice(1)) await settling.settle(session, "COMMIT", gid);
  assertEquals(session.ran.filter((text) => text.startsWith("SELECT ID")).length, 1);
});

Deno.test("Settling: nothing is named if the list of sessions cannot be had", async () => {
  const { settling, session } = make({ "SELECT ID": lost() });
  settling.leave(GID, SESSION);
  await assertRejects(() => settling.settle(session, "COMMIT", GID));
  assertEquals(session.ran.length, 1);
});

for (const verb of ["COMMIT", "ROLLBACK"] as const) {
  Deno.test(`Settling: an OK to XA ${verb} is believed if the branch's row is not locked`, async () => {
    for (const row of [[], [[GID]]]) {
      const { settling, session } = make({ "SELECT gid": row }, { proven: true });
      assertEquals(await settling.settle(session, verb, GID), { kind: "done" });
      assertEquals(session.ran.length, 2);
    }
    const { settling, session } = make({ "SELECT gid": lost() }, { proven: true });
    await assertRejects(() => settling.settle(session, verb, GID));
  });

  Deno.test(`Settling: an OK to XA ${verb} that did nothing is for a person, until it is over`, async () => {
    const { settling, session } = make({
      [`XA ${verb}`]: { inTurn: [0, answered(1397), answered(1397), answered(1397)] },
      "SELECT gid": { inTurn: [answered(1205), answered(1205), [[GID]]] },
    }, { proven: true });
    for (let time = 1; time <= 2; time++) {
      const answer = await settling.settle(session, verb, GID);
      assert(answer.kind === "operator");
      assertStringIncludes(String(answer.error), "restart the server");
    }
    assertEquals(await settling.settle(session, verb, GID), { kind: "absent" });
    const asked = session.ran.length;
    assertEquals(await settling.settle(session, verb, GID), { kind: "absent" });
    assertEquals(session.ran.length, asked + 2);
  });
}

Deno.test("LeftBranches does not remember more than it may", () => {
  const left = new LeftBranches(new ManualClock());
  for (let number = 0; number <= MAX_LEFT; number++) left.add(`${GID}${number}`, SESSION);
  assertEquals(left.size, MAX_LEFT);
});
