/**
 * Proves that every checker can fail: evidence of a sound run passes, and evidence in which one
 * thing is changed breaks the invariant that forbids it.
 */

import { assertEquals } from "@std/assert";
import { type Attempt, Evidence, type FinalState, InvariantViolation } from "../evidence.ts";
import { checkAll } from "./all.ts";

const ID = "abc_1000000000001";
const GID = `indoubt_${ID}_0`;

const ATTEMPT: Attempt = {
  id: ID,
  process: 1,
  begun: 10,
  names: ["north", "south"],
  wrote: ["north", "south"],
  heard: "committed",
  heardAt: 50,
  isLogDoubt: false,
};

const FINAL: FinalState = {
  rows: new Map([["north", [ID]], ["south", [ID]]]),
  prepared: new Map([["north", ["foreign"]], ["south", []]]),
  unsettled: [],
  sessions: 0,
  files: ["1.wal"],
  bytes: 1000,
  leftOpen: [],
  statuses: [{ id: ID, status: "committed", isOwn: true }],
  lastRecovery: [],
};

const SETTLING = { at: 40, process: 1, participant: "north", gid: GID, id: ID } as const;
const PROBE = {
  at: 40,
  why: "COMMIT PREPARED leaves",
  after: "power cut",
  required: [ID],
  decided: [ID],
} as const;

/** One transaction over two databases, committed in both. */
function soundRun(change: Partial<FinalState> = {}, attempt: Partial<Attempt> = {}): Evidence {
  const evidence = new Evidence();
  evidence.lastProcess = 1;
  evidence.attempts.push({ ...ATTEMPT, ...attempt });
  evidence.points.push({ id: ID, point: "all-prepared", process: 1, at: 30 });
  evidence.points.push({ id: ID, point: "decided", process: 1, at: 35 });
  evidence.settlings.push({ ...SETTLING, ending: "commit" });
  evidence.probes.push(PROBE);
  evidence.foreign.set("north", ["foreign"]);
  evidence.final = { ...FINAL, ...change };
  return evidence;
}

function changed(change: (evidence: Evidence) => void, attempt: Partial<Attempt> = {}): Evidence {
  const evidence = soundRun({}, attempt);
  change(evidence);
  return evidence;
}

function rows(north: readonly string[], south: readonly string[]): Partial<FinalState> {
  return { rows: new Map([["north", north], ["south", south]]) };
}

function brokenBy(evidence: Evidence): string {
  try {
    checkAll(evidence, { canProve: () => true, keepsOutcomes: true });
    return "none";
  } catch (error) {
    if (error instanceof InvariantViolation) return error.invariant;
    throw error;
  }
}

const meddling = {
  at: 45,
  participant: "north",
  gid: GID,
  id: ID,
  ending: "rollback",
  isThroughCoordinator: false,
} as const;

const CASES: readonly (readonly [invariant: string, what: string, evidence: () => Evidence])[] = [
  ["none", "a sound run", () => soundRun()],
  ["none", "a person rolls back and it is told", () =>
    changed((one) => {
      one.final = { ...FINAL, ...rows([], [ID]) };
      one.meddlings.push(meddling);
      const event = {
        type: "heuristic-outcome",
        transactionId: "1",
        participant: "north",
        gid: GID,
        outcome: "rolled back",
      } as const;
      one.events.push({ at: 46, process: 1, event });
    })],
  ["I1", "it is in one database only", () => soundRun(rows([ID], []), { heard: "nothing" })],
  ["I1", "it has happened twice", () => soundRun(rows([ID, ID], [ID]))],
  ["I2", "it is in no database", () => soundRun(rows([], []))],
  ["I2", "a person rolls back and nobody is told", () =>
    changed((one) => {
      one.final = { ...FINAL, ...rows([], [ID]) };
      one.meddlings.push(meddling);
    })],
  ["I3", "its caller heard that it was aborted", () => soundRun({}, { heard: "aborted" })],
  ["I3", "its caller heard its own error", () => soundRun({}, { heard: "own error" })],
  ["I3", "a person commits and nobody is told", () =>
    changed((one) => {
      one.final = { ...FINAL, ...rows([ID], []), statuses: [] };
      one.points.pop();
      one.settlings.length = 0;
      one.meddlings.push({ ...meddling, ending: "commit" });
      one.voted.add(GID);
    }, { heard: "aborted" })],
  [
    "I4",
    "its status is wrong",
    () => soundRun({ statuses: [{ id: ID, status: "aborted", isOwn: true }] }),
  ],
  [
    "I4",
    "its status is forgotten at once",
    () => soundRun({ statuses: [{ id: ID, status: "forgotten", isOwn: true }] }),
  ],
  ["I4", "its caller heard of a heuristic outcome", () => soundRun({}, { heard: "heuristic" })],
  [
    "I5",
    "a foreign branch is gone",
    () => soundRun({ prepared: new Map([["north", []], ["south", []]]) }),
  ],
  [
    "I5",
    "a foreign branch was sent something",
    () =>
      changed((one) =>
        one.settlings.push({ ...SETTLING, gid: "foreign", id: "", ending: "rollback" })
      ),
  ],
  [
    "I6",
    "a branch is still prepared",
    () => soundRun({ prepared: new Map([["north", ["foreign", GID]], ["south", []]]) }),
  ],
  ["I6", "something is still in doubt", () => soundRun({ unsettled: [ID] })],
  ["I6", "its caller still waits", () => soundRun({}, { heard: "nothing" })],
  ["I6", "a session was not given back", () => soundRun({ sessions: 1 })],
  ["I6", "a file is left open", () => soundRun({ leftOpen: ["1.wal"] })],
  [
    "I7",
    "the log has lost a decision",
    () => changed((one) => one.probes.push({ ...PROBE, why: "a process starts", decided: [] })),
  ],
  [
    "I7",
    "the log holds a decision that was never taken",
    () => changed((one) => one.probes.push({ ...PROBE, decided: [ID, "abc_2"] })),
  ],
  ["I8", "it was rolled back while only the disk knew", () =>
    changed((one) => {
      one.final = { ...FINAL, ...rows([], []), statuses: [] };
      one.points.pop();
      one.settlings.length = 0;
      one.settlings.push({ ...SETTLING, ending: "rollback" });
    }, { heard: "unknown", isLogDoubt: true })],
  [
    "I9",
    "a COMMIT PREPARED left before the sync",
    () => changed((one) => one.probes.push({ ...PROBE, decided: [] })),
  ],
  [
    "I9",
    "a ROLLBACK PREPARED left behind the decision",
    () => changed((one) => one.settlings.push({ ...SETTLING, ending: "rollback" })),
  ],
  ["I9", "a COMMIT PREPARED left behind a ROLLBACK PREPARED", () =>
    changed((one) => {
      one.points.pop();
      one.settlings.unshift({ ...SETTLING, ending: "rollback" });
    })],
  [
    "I10",
    "a segment was removed that was needed",
    () => changed((one) => one.probes.push({ ...PROBE, why: "a segment is removed", decided: [] })),
  ],
  ["I11", "the log has grown", () => soundRun({ bytes: 1_000_000 })],
  [
    "I11",
    "the log has too many files",
    () => soundRun({ files: Array.from({ length: 20 }, (_, index) => `${index}.wal`) }),
  ],
  ["I11", "a database is stormed", () => changed((one) => one.load.set("north 1", 1000))],
  ["I11", "the log does not forget", () => soundRun({ lastRecovery: [ID] })],
  [
    "Contract",
    "a session was misused",
    () => changed((one) => one.misuse.push("a session was given back twice")),
  ],
  [
    "Contract",
    "a promise was rejected and nobody looked",
    () => changed((one) => one.surprises.push("nobody has handled it")),
  ],
];

for (const [invariant, what, evidence] of CASES) {
  Deno.test(`The checkers say ${invariant} when ${what}`, () => {
    assertEquals(brokenBy(evidence()), invariant);
  });
}
