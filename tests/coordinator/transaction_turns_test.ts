/**
 * Guarantees that a signal may come at any turn of a commit: the transaction is then whole all the same,
 * committed everywhere or nowhere, and its caller is told which.
 */

import { assert, assertEquals } from "@std/assert";
import { TransactionAbortedError } from "../../src/coordinator/errors.ts";
import { Workbench } from "./support/workbench.ts";

const MOST_TURNS = 60;

for (const eager of [false, true]) {
  Deno.test(`Transaction.commit() is whole whenever the signal comes${eager ? ", also if eager" : ""}`, async () => {
    const endings = new Set<string>();
    for (let turns = 0; turns < MOST_TURNS; turns++) {
      const bench = await Workbench.open();
      const controller = new AbortController();
      const transaction = await bench.begin(["north", "south"], 60_000, controller.signal);
      for (const client of Object.values(transaction.clients)) {
        client.write("row");
        if (eager) client.tell();
      }
      const committing = transaction.commit().then(() => "committed", (error: unknown) => {
        assert(error instanceof TransactionAbortedError, String(error));
        return "aborted";
      });
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      controller.abort();
      const ending = await bench.clock.run(committing);
      await bench.clock.pass(100_000);
      const rows = ending === "committed" ? ["row"] : [];
      assertEquals([turns, bench.rows()], [turns, { north: rows, south: rows }]);
      assertEquals(transaction.state, ending);
      assertEquals(bench.log.outcomeOf(BigInt(transaction.id)), ending === "committed");
      bench.assertQuiet();
      endings.add(ending);
    }
    assertEquals(endings, new Set(["aborted", "committed"]), "too few turns to see both");
  });
}
