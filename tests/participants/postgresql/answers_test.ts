/**
 * Every SQLSTATE means one thing, and what is no answer of PostgreSQL is never taken for one: after
 * a lost connection nobody knows whether the statement was done.
 */

import { assertEquals, assertStrictEquals } from "@std/assert";
import {
  settleAnswerOf,
  sqlStateOf,
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
  "a severity in another language": answered("42704", "FEHLER"),
  "a warning": answered("25P01", "WARNING"),
  "null": null,
  "undefined": undefined,
  "a text": "42704",
};

/** State, meaning as a vote, meaning as an answer to settling. */
const STATES: readonly [string, "again" | "no", "absent" | "operator" | "later", string][] = [
  ["40001", "again", "later", "serialization_failure"],
  ["40P01", "again", "later", "deadlock_detected"],
  ["53200", "again", "later", "maximum number of prepared transactions reached"],
  ["55P03", "again", "later", "lock_not_available"],
  ["57014", "again", "later", "query_canceled"],
  ["42704", "no", "absent", "undefined_object: no such prepared transaction"],
  ["42501", "no", "operator", "insufficient_privilege: another role prepared it"],
  [
    "0A000",
    "no",
    "operator",
    "feature_not_supported: another database, or LISTEN, temporary tables",
  ],
  ["22023", "no", "operator", "invalid_parameter_value: the gid is too long"],
  ["55000", "no", "later", "object_not_in_prerequisite_state: busy, or disabled"],
  ["25001", "no", "later", "active_sql_transaction: inside a transaction block"],
  ["25006", "no", "later", "read_only_sql_transaction: a standby after a failover"],
  ["25P02", "no", "later", "in_failed_sql_transaction"],
  ["42710", "no", "later", "duplicate_object: the gid is taken"],
  ["23503", "no", "later", "foreign_key_violation at the end"],
  ["23505", "no", "later", "unique_violation at the end"],
  ["23514", "no", "later", "check_violation"],
  ["53100", "no", "later", "disk_full"],
  ["58030", "no", "later", "io_error"],
  ["57P03", "no", "later", "cannot_connect_now"],
  ["XX000", "no", "later", "internal_error"],
  ["ZZ999", "no", "later", "a state that nobody knows"],
];

for (const [state, vote, settling, meaning] of STATES) {
  Deno.test(`answers: ${state} (${meaning})`, () => {
    const error = answered(state);
    assertEquals(sqlStateOf(error), state);
    assertEquals(voteOf(error), { kind: "refused", error, retryable: vote === "again" });
    assertEquals(
      settleAnswerOf(error),
      settling === "absent" ? { kind: "absent" } : { kind: settling, error },
    );
  });
}

for (const [name, error] of Object.entries(NO_ANSWERS)) {
  Deno.test(`answers: ${name} is no answer`, () => {
    assertStrictEquals(sqlStateOf(error), null);
    assertEquals(voteOf(error), { kind: "unknown", error });
    assertEquals(settleAnswerOf(error), { kind: "later", error });
  });
}
