/**
 * The demo's referee sees each kind of violation, in facts that were doctored for it, and nothing else.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { BankBooks, BankName } from "../../examples/demo/bank.ts";
import type { Facts, RoundRecord, TransferRecord } from "../../examples/demo/facts.ts";
import { judge } from "../../examples/demo/referee.ts";
import { tallyOf } from "../../examples/demo/tally.ts";

const ROUND: RoundRecord = {
  round: 1,
  kill: null,
  committed: 0,
  settled: [],
  recovery: { milliseconds: 5, pending: [] },
  preparedLeft: [],
  death: null,
  end: { signal: null, code: 0 },
};

const KILLED: RoundRecord = {
  ...ROUND,
  kill: { kind: "point", point: "decided", passing: 3 },
  death: { point: "decided", passing: 3, transaction: "103" },
  end: { signal: "SIGKILL", code: 137 },
};

function transfer(number: number, reported: TransferRecord["reported"]): TransferRecord {
  return { id: `t${number}`, transaction: `${100 + number}`, reported, reason: null };
}

function books(balance: number, cents: number): BankBooks {
  return {
    accounts: [{ id: 1, opening: 1000, balance }, { id: 2, opening: 1000, balance: 1000 }],
    halves: [{ transfer: "t1", account: 1, cents }, { transfer: "t3", account: 1, cents }],
    prepared: [],
  };
}

/** t1 was committed, t2 aborted, and t3 was in doubt when its worker was killed. */
const SOUND: Facts = {
  sumBefore: 4000,
  books: { north: books(800, -100), south: books(1200, 100) },
  transfers: [transfer(1, "committed"), transfer(2, "aborted"), transfer(3, null)],
  rounds: [
    KILLED,
    {
      ...ROUND,
      round: 2,
      settled: [{ transaction: "103", outcome: "committed", reported: false }],
    },
  ],
};

function withBooks(bank: BankName, change: Partial<BankBooks>): Facts {
  return { ...SOUND, books: { ...SOUND.books, [bank]: { ...SOUND.books[bank], ...change } } };
}

function withTransfers(...transfers: TransferRecord[]): Facts {
  return { ...SOUND, transfers };
}

function withRounds(...rounds: RoundRecord[]): Facts {
  return { ...SOUND, rounds };
}

function violationsIn(facts: Facts): string[] {
  return judge(facts).flatMap(({ violations }) => violations);
}

/** Both halves of a transfer are in the banks, and its money is too. */
function alsoInBoth(id: string): Facts {
  const add = (bank: BankName, cents: number): BankBooks => ({
    ...SOUND.books[bank],
    accounts: [
      { id: 1, opening: 1000, balance: 1000 + 3 * cents },
      { id: 2, opening: 1000, balance: 1000 },
    ],
    halves: [...SOUND.books[bank].halves, { transfer: id, account: 1, cents }],
  });
  return { ...SOUND, books: { north: add("north", -100), south: add("south", 100) } };
}

Deno.test("referee finds nothing in a sound run", () => {
  assertEquals(violationsIn(SOUND), []);
  assert(judge(SOUND).length >= 8);
});

Deno.test("tally counts a run", () => {
  const { recoveryMilliseconds, killsByPlace, abortReasons: _, ...numbers } = tallyOf(SOUND);
  assertEquals(numbers, {
    transfers: 3,
    committed: 2,
    aborted: 1,
    cutOff: 0,
    inDoubtCommitted: 1,
    inDoubtRolledBack: 0,
    kills: 1,
    sumBefore: 4000,
    sumAfter: 4000,
    preparedLeft: 0,
  });
  assertEquals(recoveryMilliseconds, { median: 5, max: 5 });
  assertEquals(killsByPlace, { "after the decision is synced": 1 });
});

Deno.test("tally leaves out what had been reported and counts twice settled once", () => {
  const settled = [{ transaction: "101", outcome: "committed", reported: true }] as const;
  const [first, second] = SOUND.rounds as [RoundRecord, RoundRecord];
  const again = { ...second, settled: [...second.settled, ...settled] };
  assertEquals(tallyOf(withRounds(first, second, again)).inDoubtCommitted, 1);
});

const DOCTORED: readonly [name: string, facts: Facts, ...expected: RegExp[]][] = [
  [
    "money that was lost",
    withBooks("north", {
      accounts: [
        { id: 1, opening: 1000, balance: 700 },
        { id: 2, opening: 1000, balance: 1000 },
      ],
    }),
    /held 40\.00 together and now hold 39\.00/,
    /Account 1 of north holds 7\.00, its transfers make 8\.00/,
  ],
  [
    "a balance that moved between two accounts without a transfer",
    withBooks("south", {
      accounts: [
        { id: 1, opening: 1000, balance: 1100 },
        { id: 2, opening: 1000, balance: 1100 },
      ],
    }),
    /Account 1 of south/,
    /Account 2 of south/,
  ],
  [
    "half of a transfer, with its money",
    withBooks("south", {
      accounts: [
        { id: 1, opening: 1000, balance: 1200 },
        { id: 2, opening: 1000, balance: 1050 },
      ],
      halves: [...SOUND.books.south.halves, { transfer: "t2", account: 2, cents: 50 }],
    }),
    /held 40\.00 together and now hold 40\.50/,
    /Transfer t2 is in south only/,
    /t2 was reported aborted, but is in south/,
  ],
  [
    "halves that do not belong together",
    withBooks("south", {
      halves: [
        { transfer: "t1", account: 1, cents: 99 },
        { transfer: "t3", account: 1, cents: 101 },
      ],
    }),
    /t1 takes and gives different amounts: -1\.00 in north, 0\.99 in south/,
    /t3 takes and gives different amounts/,
  ],
  ["a transfer out of nowhere", alsoInBoth("t9"), /t9 is in a bank, but was never begun/],
  [
    "a committed transfer that is gone",
    withTransfers(...SOUND.transfers, transfer(4, "committed")),
    /t4 was reported committed, but is in neither/,
  ],
  [
    "a transfer that was reported aborted and is there",
    alsoInBoth("t2"),
    /t2 was reported aborted, but is in both/,
  ],
  [
    "a prepared transaction in the end",
    withBooks("north", { prepared: ["indoubt_x_1_0"] }),
    /indoubt_x_1_0 is still prepared in north/,
  ],
  [
    "a prepared transaction after a restart, which ends the run",
    withRounds(...SOUND.rounds, {
      ...KILLED,
      round: 3,
      death: null,
      preparedLeft: ["indoubt_x_1_1"],
    }),
    /indoubt_x_1_1 was still prepared after start 3/,
  ],
  [
    "a transaction that recovery left pending",
    withRounds(...SOUND.rounds, {
      ...ROUND,
      round: 3,
      recovery: { milliseconds: 1, pending: ["104"] },
    }),
    /Transaction 104 was still pending after the recovery of start 3/,
  ],
  [
    "a kill that missed its point",
    withRounds({ ...KILLED, death: { point: "decided", passing: 2, transaction: "103" } }),
    /Worker 1 did not die after the decision is synced, at passing 3/,
  ],
  [
    "a kill that did not kill",
    withRounds({ ...KILLED, end: { signal: null, code: 0 } }),
    /Worker 1 was not killed: exit code 0/,
  ],
  [
    "a last worker that did not end by itself",
    withRounds({ ...ROUND, end: { signal: "SIGKILL", code: 137 } }),
    /The last worker did not end by itself: exit code 137/,
  ],
  [
    "a decided transfer that was rolled back",
    withRounds({ ...KILLED, death: { point: "decided", passing: 3, transaction: "102" } }),
    /t2 was killed after the decision is synced and must be in both, but is in neither/,
  ],
  [
    "an undecided transfer that was committed",
    withRounds({
      ...KILLED,
      kill: { kind: "point", point: "all-prepared", passing: 3 },
      death: { point: "all-prepared", passing: 3, transaction: "103" },
    }),
    /t3 was killed after both PREPAREs, undecided and must be in neither, but is in both/,
  ],
  [
    "a death in a transaction of nobody",
    withRounds({ ...KILLED, death: { point: "decided", passing: 3, transaction: "999" } }),
    /Worker 1 died in transaction 999, which belongs to no transfer/,
  ],
  [
    "a recovery that says committed of what is not there",
    withRounds({
      ...ROUND,
      settled: [{ transaction: "102", outcome: "committed", reported: false }],
    }),
    /Recovery said that transfer t2 was committed, but it is in neither/,
  ],
  [
    "a recovery that says both",
    withRounds({
      ...ROUND,
      settled: [
        { transaction: "103", outcome: "committed", reported: false },
        { transaction: "103", outcome: "rolled back", reported: false },
      ],
    }),
    /Recovery said that transfer t3 was rolled back, but it is in both/,
  ],
  [
    "a recovery of something unknown",
    withRounds({
      ...ROUND,
      settled: [{ transaction: "999", outcome: "rolled back", reported: false }],
    }),
    /Recovery settled transaction 999, which belongs to no transfer/,
  ],
  [
    "a run in which nothing was committed",
    {
      ...SOUND,
      books: {
        north: { ...books(1000, 0), halves: [] },
        south: { ...books(1000, 0), halves: [] },
      },
      transfers: [transfer(2, "aborted")],
      rounds: [ROUND],
    },
    /No transfer was committed/,
  ],
];

for (const [name, facts, ...expected] of DOCTORED) {
  Deno.test(`referee sees ${name}`, () => {
    const violations = violationsIn(facts);
    assertEquals(violations.length, expected.length, violations.join("\n"));
    for (const [index, pattern] of expected.entries()) {
      assertMatch(violations[index] ?? "", pattern);
    }
  });
}
