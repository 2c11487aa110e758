/** Guarantees that without a listener a person still hears of trouble, and of nothing else. */

import { assert, assertEquals } from "@std/assert";
import { type CoordinatorEvent, warnOnConsole } from "../../src/coordinator/events.ts";

const branch = { transactionId: "5", participant: "north", gid: "indoubt_x_5_0" };
const error = new Error("connection reset");

const TROUBLE: CoordinatorEvent[] = [
  { type: "participant-unavailable", participant: "north", error },
  { type: "participant-refused", participant: "north", error },
  { type: "branch-delayed", ...branch, error },
  { type: "branch-stuck", ...branch, error },
  { type: "branch-uncertain", ...branch, reason: "damage" },
  { type: "foreign-branches", participant: "north", coordinator: "other", gids: ["g"] },
  { type: "heuristic-outcome", ...branch, outcome: "rolled back" },
  { type: "log-damaged", file: "00000000000000000000.wal", reason: "a checksum differs", epoch: 3 },
];

/** What a function writes with `console.warn`. */
function warnings(fn: () => void): unknown[][] {
  const seen: unknown[][] = [];
  const { warn } = console;
  console.warn = (...values: unknown[]) => void seen.push(values);
  try {
    fn();
  } finally {
    console.warn = warn;
  }
  return seen;
}

for (const event of TROUBLE) {
  Deno.test(`warnOnConsole() tells of ${event.type}, with everything that it says`, () => {
    const [warning, ...more] = warnings(() => warnOnConsole(event));
    assertEquals(more, []);
    const text = Deno.inspect(warning, { depth: 5 });
    const { type, ...details } = event;
    assert(text.includes(type), text);
    for (const value of Object.values(details)) {
      const detail = value instanceof Error ? value.message : String(value);
      assert(text.includes(detail), `${detail} is missing in ${text}`);
    }
  });
}

Deno.test("warnOnConsole() is silent about what goes well", () => {
  assertEquals(
    warnings(() => {
      warnOnConsole({ type: "participant-ready", participant: "north" });
      warnOnConsole({ type: "branch-settled", ...branch, outcome: "committed" });
    }),
    [],
  );
});
