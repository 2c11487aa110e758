/**
 * What callers have heard of their transactions, and what both databases hold: one must follow from
 * the other.
 *
 * @module
 */

import { assertEquals } from "@std/assert";

/** What a caller heard; a process that was killed has told nothing. */
export type Heard = "committed" | "aborted" | "unknown" | "nothing";

/** What a database holds. */
export interface Contents {
  /** The rows that transactions have inserted. */
  readonly rows: readonly string[];
  /** What its counters add up to. */
  readonly counted: number;
}

/** Keeps account of transactions by the rows that they insert. */
export class Account {
  readonly #heard = new Map<string, Heard>();
  readonly #numbers = new Map<string, string>();

  /** How many transactions have committed, as their callers have heard. */
  committed = 0;

  /** Takes a line of a worker. */
  note(line: string): void {
    const [word, id = "", number = ""] = line.split(" ");
    if (word === "heuristic") throw new Error(`Nobody meddled, yet: ${line}`);
    if (word === "begun") this.#heard.set(id, "nothing");
    else if (word === "numbered") this.#numbers.set(id, number);
    else if (word === "committed" || word === "aborted" || word === "unknown") {
      this.#heard.set(id, word);
      if (word === "committed") this.committed++;
    }
  }

  /** How many callers heard what. */
  get summary(): Record<Heard, number> {
    const counts = { committed: 0, aborted: 0, unknown: 0, nothing: 0 };
    for (const heard of this.#heard.values()) counts[heard]++;
    return counts;
  }

  /** Sees that both databases hold the same, and exactly what callers have heard. */
  check(orders: Contents, billing: Contents): Set<string> {
    assertEquals(difference(orders.rows, billing.rows), [], "in one database only");
    for (const { rows, counted } of [orders, billing]) assertEquals(counted, rows.length);
    const rows = new Set(orders.rows);
    assertEquals(rows.size, orders.rows.length, "a transaction was done twice");
    const told = (heard: Heard) =>
      [...this.#heard].filter((one) => one[1] === heard).map(([id]) => id);
    assertEquals(
      told("committed").filter((id) => !rows.has(id)),
      [],
      "heard committed, is not there",
    );
    assertEquals(told("aborted").filter((id) => rows.has(id)), [], "heard aborted, is there");
    return rows;
  }

  /** Sees that the coordinator, asked about any of the transactions, does not contradict the rows. */
  checkStatus(coordinator: { status(id: string): string }, rows: ReadonlySet<string>): void {
    const wrong = [...this.#numbers].flatMap(([id, number]) => {
      const status = coordinator.status(number);
      const right = rows.has(id) ? ["committed", "forgotten"] : ["aborted", "forgotten"];
      return right.includes(status) ? [] : [`${id}, transaction ${number}: ${status}`];
    });
    assertEquals(wrong, []);
  }
}

function difference(one: readonly string[], other: readonly string[]): string[] {
  const [first, second] = [new Set(one), new Set(other)];
  return [...first.symmetricDifference(second)];
}
