/**
 * Guarantees that the texts about the coordinator leave nothing out that the code has: errors, options,
 * events, points of the protocol, faults; and that no link in them leads nowhere.
 */

import { assert, assertEquals } from "@std/assert";
import * as library from "../../mod.ts";
import type { CoordinatorEvent } from "../../src/coordinator/events.ts";
import { completeOptions } from "../../src/coordinator/options.ts";
import { FakeDatabase } from "../coordinator/support/fake_database.ts";
import { FakeParticipant } from "../coordinator/support/fake_participant.ts";

const ROOT = new URL("../../", import.meta.url);
const TEXTS = [
  "README.md",
  "docs/protocol.md",
  "docs/failures.md",
  "docs/isolation.md",
  "docs/choosing.md",
];

function read(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}

Deno.test("README.md has a row for every error that a caller can see", async () => {
  const readme = await read("README.md");
  // Seen as the cause of another only.
  const inner = new Set(["BranchEndedError"]);
  const errors = Object.keys(library).filter((name) => name.endsWith("Error") && !inner.has(name));
  assert(errors.length > 8, "the library exports errors");
  for (const name of errors) assert(readme.includes(`| \`${name}\``), `${name} has no row`);
});

Deno.test("README.md names every option", async () => {
  const readme = await read("README.md");
  const participants = { north: new FakeParticipant(new FakeDatabase("north")) };
  const options = completeOptions({ directory: "unused", participants });
  for (const name of Object.keys(options)) {
    assert(readme.includes(`\`${name}\``), `${name} is not named`);
  }
  for (const name of ["timeout", "signal", "retry", "isolationLevel", "readOnly", "label"]) {
    assert(readme.includes(`\`${name}\``), `${name} is not named`);
  }
});

/** Every event; the compiler sees that none is missing. */
const EVENTS: Record<CoordinatorEvent["type"], true> = {
  "participant-ready": true,
  "participant-unavailable": true,
  "participant-refused": true,
  "branch-settled": true,
  "branch-delayed": true,
  "branch-stuck": true,
  "branch-uncertain": true,
  "foreign-branches": true,
  "heuristic-outcome": true,
  "log-damaged": true,
};

Deno.test("docs/failures.md tells what each event is about that a person should know", async () => {
  const text = await read("docs/failures.md");
  for (const type of Object.keys(EVENTS)) {
    assert(text.includes(`\`${type}\``), `${type} is not named`);
  }
});

Deno.test("docs/failures.md has one row for each fault, in order", async () => {
  const rows = (await read("docs/failures.md")).matchAll(/^\| (\d+) +\|/gm);
  const numbers = [...rows].map(([, number]) => Number(number));
  assertEquals(numbers, Array.from({ length: 37 }, (_, index) => 29 + index));
});

Deno.test("docs/protocol.svg shows every point of the protocol, in order", async () => {
  const picture = await read("docs/protocol.svg");
  const places = library.PROTOCOL_POINTS.map((point) => picture.indexOf(`>${point}<`));
  assert(places.every((place) => place > 0), `of ${library.PROTOCOL_POINTS}: ${places}`);
  assertEquals(places, places.toSorted((one, other) => one - other));
});

for (const path of TEXTS) {
  Deno.test(`${path} has no link that leads nowhere`, async () => {
    const text = await read(path);
    const headings = new Map<string, string[]>();
    for (const [, target] of text.matchAll(/\]\((\.[^)\s]*)\)/g)) {
      const [file, heading] = target!.split("#");
      const url = new URL(file!, new URL(path, ROOT));
      assert((await Deno.stat(url)).isFile, `${target} is no file`);
      if (heading === undefined) continue;
      if (!headings.has(file!)) headings.set(file!, headingsOf(await Deno.readTextFile(url)));
      assert(headings.get(file!)!.includes(heading), `${target} is no heading`);
    }
  });
}

/** The names by which headings are linked. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!.toLowerCase().replaceAll(/[^a-z0-9 -]/g, "").replaceAll(" ", "-")
  );
}
