/**
 * Guarantees that what a commit leaves behind dies young. What V8 takes for something that stays lies among the
 * old until the next full collection, and keeps alive what it refers to: a seventh of all commits was lost to that.
 */

import { assert } from "@std/assert";

/** A third of what was kept of each commit when records were literals, and many times what is kept of one now. */
const MOST_BYTES = 100;

/** What the collector says of one collection. */
interface Collection {
  /** `s` if it was one of what is young. */
  readonly gc: string;
  /** Bytes that were made since the one before. */
  readonly allocated: number;
  /** Bytes that are not young any more. */
  readonly promoted: number;
}

/** About what one commit makes, in bytes: so many commits lie between two collections. */
const BYTES_OF_A_COMMIT = 5000;

Deno.test("Coordinator.transaction() leaves nothing behind that outlives the young", async () => {
  const script = new URL("support/many_commits.ts", import.meta.url).href;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--v8-flags=--trace-gc-nvp", script],
  });
  const { code, stdout, stderr } = await command.output();
  const text = new TextDecoder().decode(stdout);
  assert(code === 0, `${text}\n${new TextDecoder().decode(stderr)}`);
  const collections = [...text.matchAll(/ GC: (\{.*\})/g)]
    .map(([, fields]) => JSON.parse(fields!) as Collection)
    .filter(({ gc }) => gc === "s");
  // At first there is little room for the young, and what is under way must leave it.
  const later = collections.slice(collections.length / 2);
  assert(later.length >= 5, `${collections.length} collections`);
  const sum = (field: "allocated" | "promoted") =>
    later.reduce((total, collection) => total + collection[field], 0);
  const kept = sum("promoted") / (sum("allocated") / BYTES_OF_A_COMMIT);
  assert(kept < MOST_BYTES, `${kept.toFixed(0)} bytes of each commit are kept`);
});
