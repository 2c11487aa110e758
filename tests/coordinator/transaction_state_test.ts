/**
 * Guarantees every step between the states of a transaction: the legal ones, and no other; and plain words for
 * who asks for one too late.
 */

import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  type TransactionState,
  TransactionStates,
} from "../../src/coordinator/transaction_state.ts";

/** Every state, the shortest way to it from "active", and where it may go from there. */
const STATES: Record<TransactionState, [way: TransactionState[], next: TransactionState[]]> = {
  active: [[], ["committing", "aborting"]],
  committing: [["committing"], ["deciding", "committed", "aborting", "unknown"]],
  deciding: [["committing", "deciding"], ["settling", "aborting", "unknown"]],
  settling: [["committing", "deciding", "settling"], ["committed"]],
  committed: [["committing", "committed"], []],
  aborting: [["aborting"], ["aborted"]],
  aborted: [["aborting", "aborted"], []],
  unknown: [["committing", "unknown"], ["committed", "aborted"]],
};

const NAMES = Object.keys(STATES) as TransactionState[];

function at(state: TransactionState): TransactionStates {
  const states = new TransactionStates("42");
  for (const step of STATES[state][0]) states.moveTo(step);
  return states;
}

for (const from of NAMES) {
  for (const to of NAMES) {
    const legal = STATES[from][1].includes(to);
    Deno.test(`TransactionStates.moveTo() ${legal ? "takes" : "refuses"} ${from} to ${to}`, () => {
      const states = at(from);
      if (legal) states.moveTo(to);
      else {assertThrows(
          () => states.moveTo(to),
          TypeError,
          `Cannot bring transaction 42 to "${to}"`,
        );}
      assertEquals(states.current, legal ? to : from);
    });
  }
}

Deno.test("TransactionStates begins as active", () => {
  assertEquals(new TransactionStates("42").current, "active");
});

for (const state of NAMES) {
  Deno.test(`TransactionStates.assertActive() says in plain words that a transaction is ${state}`, () => {
    const states = at(state);
    if (state === "active") return states.assertActive("commit");
    const { message } = assertThrows(() => states.assertActive("commit"), TypeError);
    assertMatch(message, /^Cannot commit transaction 42: (it is|it was|whether it) .*, /);
    assertEquals(states.current, state);
  });
}
