/**
 * Proves that recovery keeps the file and what is live, and not every record: a process without
 * room for the records recovers the log all the same. It also has no permission at all, since
 * nothing is needed but the file system that it is given.
 */

import { assertEquals } from "@std/assert";

/** Room on the heap. Bytes of files are not on it; all the records would take several times this. */
const MEGABYTES = 32;

Deno.test("pgdog's recovery: a million finished records take no memory but their file's", async () => {
  const script = new URL("large_log.ts", import.meta.url).href;
  const options = ["--no-prompt", `--v8-flags=--max-old-space-size=${MEGABYTES}`];
  const command = new Deno.Command(Deno.execPath(), { args: ["run", ...options, script] });
  const { code, stdout, stderr } = await command.output();
  const errors = new TextDecoder().decode(stderr);
  assertEquals(code, 0, errors);
  assertEquals(new TextDecoder().decode(stdout), "1 rollback 0 1200001\n", errors);
});
