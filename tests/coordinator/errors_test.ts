/**
 * Guarantees that a caller can tell the errors apart by class and by name, and finds in each what
 * may be done next: whether to try again, the id to keep, the databases to compare.
 */

import { assert, assertEquals, assertStrictEquals, assertStringIncludes } from "@std/assert";
import {
  BranchEndedError,
  BranchLostError,
  CoordinatorClosedError,
  HeuristicOutcomeError,
  OutcomeUnknownError,
  ParticipantConfigurationError,
  ParticipantIdentityError,
  ParticipantUnavailableError,
  TransactionAbortedError,
} from "../../src/coordinator/errors.ts";

const cause = new Error("connection reset");
const ID = "7000000000042";

const ALL = [
  new TransactionAbortedError(ID, "why", { retryable: true, cause }),
  new OutcomeUnknownError(ID, "why", { cause }),
  new HeuristicOutcomeError(ID, "committed", [], { cause }),
  new ParticipantConfigurationError("north", "why", { cause }),
  new ParticipantIdentityError("north", "fake:1", "fake:2"),
  new ParticipantUnavailableError("north", { cause }),
  new CoordinatorClosedError(),
  new BranchEndedError(),
  new BranchLostError({ cause }),
];

for (const error of ALL) {
  Deno.test(`${error.name} is named after its class and says what it cannot do`, () => {
    assertEquals(error.name, error.constructor.name);
    assert(error instanceof Error && error.message.startsWith("Cannot "), error.message);
    assert(!error.message.endsWith("."), error.message);
    assert(error.cause === undefined || error.cause === cause);
    const others = ALL.filter((other) => other instanceof error.constructor);
    assertEquals(others, [error], "a catch for one class would catch another");
  });
}

Deno.test("TransactionAbortedError says who, why and whether to try again", () => {
  const error = new TransactionAbortedError(ID, "it was refused", {
    retryable: true,
    participant: "north",
    cause,
  });
  assertEquals([error.transactionId, error.participant, error.retryable], [ID, "north", true]);
  assertStrictEquals(error.cause, cause);
  assertEquals(
    error.message,
    `Cannot commit transaction ${ID}: it was refused, it was rolled back everywhere`,
  );
});

Deno.test("TransactionAbortedError may come before there is an id or a participant", () => {
  const error = new TransactionAbortedError(null, "why", { retryable: false });
  assertEquals([error.transactionId, error.participant, error.retryable], [null, null, false]);
  assert(error.message.startsWith("Cannot commit the transaction:"), error.message);
});

Deno.test("OutcomeUnknownError keeps the id and warns of repeating", () => {
  const error = new OutcomeUnknownError(ID, "the disk failed");
  assertEquals(error.transactionId, ID);
  assert(error.message.includes("do not repeat it"), error.message);
});

Deno.test("HeuristicOutcomeError names every branch that ended otherwise", () => {
  const branches = [
    { participant: "north", gid: "g_0", outcome: "rolled back" },
    { participant: "south", gid: "g_1", outcome: "unknown" },
  ] as const;
  const error = new HeuristicOutcomeError(ID, "committed", branches);
  assertEquals([error.transactionId, error.decision, error.branches], [ID, "committed", branches]);
  assert(error.message.includes('"north" (g_0: rolled back), "south" (g_1: unknown)'));
});

Deno.test("ParticipantConfigurationError keeps the reason for another name", () => {
  const error = new ParticipantConfigurationError("", "prepared transactions are disabled");
  const named = new ParticipantConfigurationError("north", error.reason);
  assertEquals([error.participant, named.participant], ["", "north"]);
  assert(named.message.includes('"north": prepared transactions are disabled'), named.message);
});

Deno.test("ParticipantIdentityError names both databases", () => {
  const error = new ParticipantIdentityError("north", "fake:1", "fake:2");
  assertEquals([error.participant, error.expected, error.found], ["north", "fake:1", "fake:2"]);
  assert(error.message.includes("it is database fake:2, but the log knows fake:1"), error.message);
});

Deno.test("ParticipantUnavailableError says what the database said, where it did", () => {
  const error = new ParticipantUnavailableError("north", { cause });
  assert(error.message.includes('"north" (connection reset)'), error.message);
  assert(new ParticipantUnavailableError("north").message.includes('"north":'));
  assert(!new ParticipantUnavailableError("north", { cause: 5 }).message.includes("5"));
});

Deno.test("BranchLostError says what the driver said, where it did", () => {
  const error = new BranchLostError({ cause });
  assertStrictEquals(error.cause, cause);
  assertStringIncludes(error.message, "(connection reset), begin another transaction");
  assertStringIncludes(new BranchLostError().message, "was lost, begin another transaction");
});
