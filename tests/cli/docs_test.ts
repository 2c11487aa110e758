/**
 * The page for the person on call shows what the commands really say: each command in it is run here, in the
 * page's order, on the log that the page is about.
 */

import { assert, assertEquals } from "@std/assert";
import { decision, PARTICIPANTS, STARTED, TestDirectory, writeLog } from "./support/logs.ts";
import { run } from "./support/run.ts";

const PAGE = new URL("../../docs/commands.md", import.meta.url);
const SHOWN = "/var/lib/shop/indoubt";
const TXN = 1_000_000_000_001n;

/** How many of the page's commands come before the damage. */
const SOUND_COMMANDS = 3;

const CODES = [0, 0, 0, 1, 0, 1, 0, 0, 0];

/** The examples: a command and what is shown under it. */
function examplesIn(page: string): { command: string[]; shown: string }[] {
  const blocks = page.matchAll(/^```console\n\$ indoubt (.*)\n([^]*?)^```$/gm);
  return Array.from(blocks, ([, command = "", shown = ""]) => ({
    command: Array.from(command.matchAll(/"([^"]*)"|\S+/g), ([word, quoted]) => quoted ?? word),
    shown,
  }));
}

Deno.test("Every example on the page of commands is what the command says", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory, [
    ...PARTICIPANTS,
    decision(TXN),
    decision(TXN + 1n),
    { type: "end", txn: TXN + 1n },
    decision(TXN + 2n),
  ]);
  const [segment = ""] = directory.segments();
  const examples = examplesIn(await Deno.readTextFile(PAGE));
  assertEquals(examples.length, CODES.length);
  for (const [index, { command, shown }] of examples.entries()) {
    if (index === SOUND_COMMANDS) directory.flip(segment, 330);
    const words = command.map((word) => word === SHOWN ? directory.path : word);
    const { code, out, error } = await run(...words);
    const said = out
      .replaceAll(directory.path, SHOWN)
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, STARTED);
    assertEquals({ code, error }, { code: CODES[index], error: "" });
    assertEquals(said, shown, `example ${index + 1}, ${command.join(" ")}`);
  }
  assert(directory.names().includes(`${segment}.broken-2`));
});
