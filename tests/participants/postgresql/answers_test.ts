/**
 * Every SQLSTATE means one thing, and what is no answer of PostgreSQL is never taken for one: after
 * a lost connection nobody knows whether the statement was done.
 */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  BranchEndedError,
  BranchLostError,
  ParticipantConfigurationError,
} from "../../../src/coordinator/errors.ts";
import {
  beforeVote,
  isRetryable,
  settleAnswerOf,
  sqlStateOf,
  STATES,
  voteOf,
} from "../../../src/participants/postgresql/answers.ts";
import { answered } from "./scripted_runner.ts";

/** What may reach an adapter without PostgreSQL having answered the statement. */
const NO_ANSWERS: Readonly<Record<string, unknown>> = {
  "ECONNRESET": Object.assign(new Error(), { code: "ECONNRESET", errno: -104 }),
  "EPIPE": Object.assign(new Error(), { code: "EPIPE", syscall: "write" }),
  "ECONNREFUSED": Object.assign(new Error(), { code: "ECONNREFUSED" }),
  "ETIMEDOUT": Object.assign(new Error(), { code: "ETIMEDOUT" }),
  "the driver's CONNECTION_CLOSED": Object.assign(new Error(), { code: "CONNECTION_CLOSED" }),
  "the driver's CONNECTION_DESTROYED": Object.assign(new Error(), { code: "CONNECTION_DESTROYED" }),
  "an error without a code": new TypeError("Cannot read"),
  "a code without a severity": Object.assign(new Error(), { code: "42704" }),
  "a code of a system call with five letters": Object.assign(new Error(), { code: "EPERM" }),
  "a severity without a code": Object.assign(new Error(), { severity: "ERROR" }),
  "a code that is a number": { code: 42704, severity: "ERROR" },
  "a code of six letters": answered("427040"),
  "a code of small letters": answered("42p01"),
  "FATAL 57P01, terminated by an administrator": answered("57P01", "FATAL"),
  "FATAL 57P02, crash of another session": answered("57P02", "FATAL"),
  "FATAL 57P03, starting up": answered("57P03", "FATAL"),
  "FATAL 53300, too many connections": answered("53300", "FATAL"),
  "FATAL with a state that would mean absent": answered("42704", "FATAL"),
  "PANIC XX000": answered("XX000", "PANIC"),
  "a state outside of the table in another language": answered("XX000", "FEHLER"),
  "a pooler's state in another language": answered("57P01", "FEHLER"),
  "an inherited name in another language": answered("VALUE", "FEHLER"),
  "a warning": answered("25P01", "WARNING"),
  "null": null,
  "undefined": undefined,
  "a text": "42704",
};

/** State, meaning as a vote, meaning as an answer to settling, whether another server may answer. */
const MEANINGS: readonly [
  string,
  "again" | "no" | "unknown",
  "absent" | "operator" | "later",
  "suspect"?,
][] = [
  ["0A000", "no", "operator", "suspect"],
  ["22023", "no", "operator"],
  ["23503", "no", "later"],
  ["23505", "no", "later"],
  ["25001", "no", "later"],
  ["25006", "no", "later", "suspect"],
  ["25P01", "no", "later"],
  ["25P02", "no", "later"],
  ["25P03", "unknown", "later"],
  ["25P04", "unknown", "later"],
  ["40001", "again", "later"],
  ["40003", "unknown", "later"],
  ["40P01", "again", "later"],
  ["42501", "no", "operator"],
  ["42704", "no", "absent"],
  ["42710", "no", "later"],
  ["53100", "no", "later"],
  ["53200", "again", "later"],
  ["53300", "unknown", "later"],
  ["55000", "no", "later"],
  ["55P03", "again", "later"],
  ["57014", "again", "later"],
  ["57P01", "unknown", "later"],
  ["57P02", "unknown", "later"],
  ["57P03", "unknown", "later"],
  ["57P05", "unknown", "later"],
  ["58000", "unknown", "later"],
];

/** States that are not in the table. */
const OTHERS: typeof MEANINGS = [
  ["08000", "unknown", "later"],
  ["08003", "unknown", "later"],
  ["08006", "unknown", "later"],
  ["08P01", "unknown", "later"],
  ["22012", "no", "later"],
  ["23514", "no", "later"],
  ["23P01", "no", "later"],
  ["38000", "no", "later"],
  ["42P01", "no", "later"],
  ["54001", "no", "later"],
  ["HV000", "no", "later"],
  ["P0001", "no", "later"],
];

/** States that PostgreSQL need not have said itself to PREPARE or COMMIT; before that, nothing follows. */
const STRANGE = ["28P01", "3D000", "53000", "58030", "58P01", "F0000", "XX000", "ZZ999"];

for (const state of STRANGE) {
  Deno.test(`answers: whether ${state} is a no to a vote is not known`, () => {
    const error = answered(state);
    assertEquals(voteOf(error), { kind: "unknown", error });
    assertEquals(settleAnswerOf(error), { kind: "later", error });
    assertStrictEquals(beforeVote(error), error);
    assertEquals(isRetryable(error), false);
  });
}

Deno.test("answers: every row of the table has a test, and nothing else is in it", () => {
  assertEquals(Object.keys(STATES).toSorted(), MEANINGS.map(([state]) => state));
});

for (const [state, vote, settling, suspect] of [...MEANINGS, ...OTHERS]) {
  Deno.test(`answers: ${state} (${STATES[state]?.name ?? "not in the table"})`, () => {
    const error = answered(state);
    assertEquals(sqlStateOf(error), state);
    assertEquals(
      voteOf(error),
      vote === "unknown"
        ? { kind: "unknown", error }
        : { kind: "refused", error, retryable: vote === "again" },
    );
    assertEquals(
      settleAnswerOf(error),
      settling === "absent"
        ? { kind: "absent" }
        : suspect === undefined
        ? { kind: settling, error }
        : { kind: settling, error, suspect: true },
    );
    assertEquals(isRetryable(error), vote !== "no");
    const early = beforeVote(error);
    if (vote !== "unknown") assertStrictEquals(early, error);
    else assert(early instanceof BranchLostError && early.cause === error);
  });
}

for (const [name, error] of Object.entries(NO_ANSWERS)) {
  Deno.test(`answers: ${name} is no answer`, () => {
    assertStrictEquals(sqlStateOf(error), null);
    assertEquals(voteOf(error), { kind: "unknown", error });
    assertEquals(settleAnswerOf(error), { kind: "later", error });
  });
}

Deno.test("answers: a session known to be lost was not asked, so the branch is rolled back", () => {
  const error = new BranchLostError({ cause: new Error("ECONNRESET") });
  assertEquals(voteOf(error), { kind: "refused", error, retryable: true });
  assertEquals(settleAnswerOf(error), { kind: "later", error });
  assertEquals(isRetryable(error), true);
});

Deno.test("beforeVote() leaves alone what is no loss", () => {
  const others = [
    answered("23505"),
    new BranchEndedError(),
    new ParticipantConfigurationError("", "it has a transform"),
    new TypeError("Cannot read"),
    new RangeError("Cannot use"),
  ];
  for (const error of others) assertStrictEquals(beforeVote(error), error);
});

/** Errors that an application may get in a branch, and whether the same again may succeed. */
const EARLY_ERRORS: readonly [unknown, boolean][] = [
  [Object.assign(new Error(), { code: "ECONNRESET" }), true],
  [Object.assign(new Error(), { code: "EPIPE" }), true],
  [Object.assign(new Error(), { code: "ECONNREFUSED" }), true],
  [Object.assign(new Error(), { code: "ETIMEDOUT" }), true],
  [Object.assign(new Error(), { code: "CONNECTION_CLOSED" }), true],
  [Object.assign(new Error(), { code: "CONNECTION_DESTROYED" }), true],
  [Object.assign(new Error(), { code: "CONNECT_TIMEOUT" }), true],
  [Object.assign(new Error(), { code: "CONNECTION_ENDED" }), false],
  [Object.assign(new Error(), { code: "ENOENT" }), false],
  [new Error("Connection terminated unexpectedly"), true],
  [new Error("Connection terminated due to connection timeout"), true],
  [new Error("Client has encountered a connection error and is not queryable"), true],
  [new Error("The Connection terminated"), false],
  [answered("57P01", "FATAL"), true],
  [answered("57P03", "FATAL"), true],
  [answered("53300", "FATAL"), true],
  [answered("08006", "FATAL"), true],
  // The severity in the server's language: node-postgres gives no other.
  [answered("57P01", "FATALE"), true],
  [answered("57P01", "\u0412\u0410\u0416\u041d\u041e"), true],
  [answered("57P03", "FATALE"), true],
  [answered("53300", "FATALE"), true],
  [answered("08006", "FATALE"), true],
  [answered("25P04", "FATALE"), true],
  [answered("28P01", "FATALE"), false],
  [answered("3D000", "FATALE"), false],
  [answered("23505", "ERREUR"), false],
  [answered("53100", "ERREUR"), false],
  [answered("57P01", "WARNING"), false],
  [answered("25P03", "FATAL"), true],
  [answered("25P04", "FATAL"), true],
  [Object.assign(new Error(), { code: "EHOSTUNREACH" }), true],
  [Object.assign(new Error(), { code: "ENETUNREACH" }), true],
  [Object.assign(new Error(), { code: "EHOSTDOWN" }), true],
  [Object.assign(new Error(), { code: "ENETDOWN" }), true],
  [Object.assign(new Error(), { code: "ENETRESET" }), true],
  [Object.assign(new Error(), { code: "EAI_AGAIN" }), true],
  [Object.assign(new Error(), { code: "ENOTFOUND" }), false],
  [answered("XX000", "PANIC"), false],
  [answered("28P01", "FATAL"), false],
  [answered("3D000", "FATAL"), false],
  [answered("23505"), false],
  [answered("40001"), true],
  [new Error("Not enough stock"), false],
  ["40001", false],
  [null, false],
  [undefined, false],
  [{ code: "40001", severity: "ERROR" }, false],
];

Deno.test("isRetryable() knows conflicts and lost connections, also wrapped ones", () => {
  for (const [error, retryable] of EARLY_ERRORS) {
    assertEquals(isRetryable(error), retryable, String(error));
    const wrapped = new Error("Failed query", { cause: new Error("wrapped", { cause: error }) });
    if (error instanceof Error) assertEquals(isRetryable(wrapped), retryable, String(error));
  }
});

Deno.test("isRetryable() ends with causes that go round", () => {
  const error = new Error("round");
  error.cause = error;
  assertEquals(isRetryable(error), false);
});

Deno.test("answers: a state of the table counts in the server's own language", () => {
  for (const severity of ["FEHLER", "ERREUR", "\u041e\u0428\u0418\u0411\u041a\u0410"]) {
    assertEquals(settleAnswerOf(answered("42704", severity)), { kind: "absent" });
    assertEquals(voteOf(answered("40001", severity)).kind, "refused");
  }
});
