/**
 * `inspect --json` on the logs that pgdog's own code wrote: every record and every end as pgdog's reader
 * says in `expected.json`.
 */

import { assertEquals } from "@std/assert";
import { FIXTURES } from "../wal/pgdog/fixtures.ts";
import { TestDirectory } from "./support/logs.ts";
import { run, runJson } from "./support/run.ts";

/** Files whose verdict is not what pgdog's own rules come to, and why. */
const STRICTER = new Map([
  ["11a-unknown-tag", 2], // a newer version wrote it: not damage, and nothing can be told
  ["12-file-names", 1], // what pgdog set aside stays damage
]);

for (const { name, files, expected } of FIXTURES) {
  Deno.test(`Inspecting pgdog's ${name} says what is expected`, async () => {
    await using directory = new TestDirectory();
    for (const [file, bytes] of files) directory.put(file, bytes);
    const wanted = expected.segments.flatMap<unknown>(({ file, ignored, records = [], end }) =>
      ignored
        ? [{ file, ignored }]
        : [...records.map((record) => ({ segment: file, ...record })), { segment: file, end }]
    );
    assertEquals(await runJson("inspect", "--json", directory.path), wanted);
    const table = await run("inspect", directory.path);
    assertEquals([table.code, table.error], [0, ""]);
  });

  Deno.test(`Verifying pgdog's ${name} is as strict as a careful reader`, async () => {
    await using directory = new TestDirectory();
    for (const [file, bytes] of files) directory.put(file, bytes);
    const damaged = expected.saferOutcome?.corruption ?? expected.recovery.corruption;
    const { code, error } = await run("verify", directory.path);
    assertEquals([code, error], [STRICTER.get(name) ?? (damaged ? 1 : 0), ""]);
    const [report] = await runJson("verify", "--json", directory.path);
    const restored = expected.saferOutcome?.restored ?? expected.recovery.restored;
    if (code !== 0) return;
    const of = (key: string): unknown[] =>
      (report?.[key] as { txn: string }[]).map(({ txn }) => txn);
    const wanted = (action: string): unknown[] =>
      restored.filter((one) => one.action === action).map(({ txn }) => txn);
    assertEquals([of("decided"), of("undecided")], [wanted("commit"), wanted("rollback")]);
  });
}
