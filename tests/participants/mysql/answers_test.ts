/**
 * What every error number means, one test for each row of the table; and what is no answer at all.
 */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  BranchEndedError,
  BranchLostError,
  ParticipantConfigurationError,
} from "../../../src/coordinator/errors.ts";
import type { SettleAnswer } from "../../../src/coordinator/participant.ts";
import {
  beforeVote,
  errorNumberOf,
  isRetryable,
  NUMBERS,
  saysLocked,
} from "../../../src/participants/mysql/answers.ts";
import { settleBranch } from "../../../src/participants/mysql/statements.ts";
import { answered, lost, ScriptedSession } from "./scripted_session.ts";

const GID = "indoubt_answers_1_0";

/** What a number says before the vote, at XA COMMIT, and at XA ROLLBACK of a prepared branch. */
type Expected = readonly [
  vote: "no" | "again" | "unknown",
  commit: SettleAnswer["kind"],
  rollback: SettleAnswer["kind"],
  suspect?: boolean,
];

const EXPECTED: Readonly<Record<number, Expected>> = {
  1020: ["again", "later", "later"],
  1040: ["unknown", "later", "later"],
  1053: ["unknown", "later", "later"],
  1080: ["unknown", "later", "later"],
  1142: ["no", "operator", "operator"],
  1143: ["no", "operator", "operator"],
  1152: ["unknown", "later", "later"],
  1158: ["unknown", "later", "later"],
  1159: ["unknown", "later", "later"],
  1160: ["unknown", "later", "later"],
  1161: ["unknown", "later", "later"],
  1184: ["unknown", "later", "later"],
  1205: ["again", "later", "later"],
  1213: ["again", "later", "later"],
  1227: ["no", "operator", "operator"],
  1290: ["no", "later", "later", true],
  1317: ["again", "later", "later"],
  1397: ["no", "absent", "absent"],
  1398: ["no", "later", "later"],
  1399: ["no", "later", "later"],
  1400: ["no", "later", "later"],
  1401: ["no", "operator", "operator"],
  1402: ["no", "absent", "done"],
  1440: ["again", "later", "later"],
  1613: ["again", "absent", "done"],
  1614: ["again", "absent", "done"],
  1836: ["no", "later", "later", true],
  1927: ["unknown", "later", "later"],
  1969: ["again", "later", "later"],
  3024: ["again", "later", "later"],
  3169: ["unknown", "later", "later"],
  3572: ["again", "later", "later"],
  4031: ["unknown", "later", "later"],
};

Deno.test("answers: every number in the table is tested", () => {
  assertEquals(Object.keys(EXPECTED), Object.keys(NUMBERS));
});

for (const [number, [vote, commit, rollback, suspect]] of Object.entries(EXPECTED)) {
  Deno.test(`answers: ${number} is "${vote}" to a vote and "${commit}" to XA COMMIT`, async () => {
    const error = answered(Number(number));
    assertEquals(isRetryable(error), vote !== "no");
    assertEquals(errorNumberOf(error), vote === "unknown" ? null : Number(number));
    assertEquals(beforeVote(error) instanceof BranchLostError, vote === "unknown");
    for (const [verb, kind] of [["COMMIT", commit], ["ROLLBACK", rollback]] as const) {
      const session = new ScriptedSession({ [`XA ${verb}`]: error });
      const answer = await settleBranch(session, verb, GID);
      assertEquals(answer.kind, kind);
      assertEquals("suspect" in answer ? answer.suspect : undefined, suspect);
    }
  });
}

/** What is no answer of the server's. */
const NO_ANSWERS: Readonly<Record<string, unknown>> = {
  "a lost connection": lost(),
  "a network error": Object.assign(new Error(), { errno: -104, code: "ECONNRESET" }),
  "a number without a state": Object.assign(new Error(), { errno: 1397 }),
  "a state without a number": Object.assign(new Error(), { sqlState: "XAE04" }),
  "a wrong state": Object.assign(new Error(), { errno: 1397, sqlState: "xae04" }),
  "a text": "1397",
  "nothing": undefined,
};

for (const [name, error] of Object.entries(NO_ANSWERS)) {
  Deno.test(`answers: ${name} is no answer`, async () => {
    assertStrictEquals(errorNumberOf(error), null);
    assert(beforeVote(error) instanceof BranchLostError);
    if (!(error instanceof Error)) return;
    const session = new ScriptedSession({ "XA COMMIT": error });
    assertEquals(await settleBranch(session, "COMMIT", GID), { kind: "later", error });
  });
}

Deno.test("answers: an unknown branch is asked for before it is believed to be gone", async () => {
  const rows: [string, string, string, string][] = [["1768842356", "19", "0", GID]];
  const listed = new ScriptedSession({ "XA COMMIT": answered(1397), "XA RECOVER": rows });
  assertEquals((await settleBranch(listed, "COMMIT", GID)).kind, "later");
  const foreign = rows.map(([, ...rest]) => ["1", ...rest]);
  const unlisted = new ScriptedSession({ "XA COMMIT": answered(1397), "XA RECOVER": foreign });
  assertEquals(await settleBranch(unlisted, "COMMIT", GID), { kind: "absent" });
  for (const error of [lost(), answered(1401)]) {
    const mute = new ScriptedSession({ "XA COMMIT": answered(1397), "XA RECOVER": error });
    assertEquals(await settleBranch(mute, "COMMIT", GID), { kind: "later", error });
  }
});

Deno.test("isRetryable() knows a branch that was rolled back before, by the name of its state", () => {
  const state = "XAER_RMFAIL: The command cannot be executed when global transaction is in the";
  assertEquals(isRetryable(answered(1399, `${state}  ROLLBACK ONLY state`)), true);
  for (const name of ["ACTIVE", "IDLE", "PREPARED", "NON-EXISTING"]) {
    assertEquals(isRetryable(answered(1399, `${state}  ${name} state`)), false);
  }
});

Deno.test("isRetryable() knows lost connections, and looks at causes", () => {
  const closed = new Error("Can't add new command when connection is in closed state");
  const refused = Object.assign(new Error(), { code: "ECONNREFUSED", errno: -111 });
  for (const error of [closed, refused, lost(), new BranchLostError(), answered(1213)]) {
    assertEquals(isRetryable(error), true, error.message);
    assertEquals(isRetryable(new Error("wrapped", { cause: error })), true, error.message);
  }
  for (const error of [answered(1062), new Error("no"), new TypeError(), "1213", null]) {
    assertEquals(isRetryable(error), false);
  }
});

Deno.test("beforeVote() leaves this library's own errors as they are", () => {
  const own = [
    new BranchEndedError(),
    new BranchLostError(),
    new ParticipantConfigurationError("", "wrong"),
    new RangeError(),
    new TypeError(),
    answered(1062),
  ];
  for (const error of own) assertStrictEquals(beforeVote(error), error);
});

Deno.test("saysLocked() knows both servers' words for it", () => {
  assertEquals([1205, 3572, 1213, 1397].map((errno) => saysLocked(answered(errno))), [
    true,
    true,
    false,
    false,
  ]);
});
