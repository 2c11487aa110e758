/**
 * Guarantees that the error of a transaction says where the application asked for it, wherever it was made;
 * and that an application's own error is left as it is.
 */

import { assert, assertRejects, assertStrictEquals, assertStringIncludes } from "@std/assert";
import {
  HeuristicOutcomeError,
  OutcomeUnknownError,
  TransactionAbortedError,
} from "../../src/coordinator/errors.ts";
import type { FakeClient } from "./support/fake_branch.ts";
import { fails, hangs, refuses } from "./support/faults.ts";
import { type Name, Site, type SiteCoordinator } from "./support/site.ts";

const BOTH: Name[] = ["north", "south"];
const CONFLICT = new Error("could not serialize access");

type Clients = Record<"north" | "south", FakeClient>;

function write({ north, south }: Clients, { id }: { readonly id: string }): void {
  north.write(id);
  south.write(id);
}

async function placeOrder(coordinator: SiteCoordinator): Promise<void> {
  await coordinator.transaction(BOTH, write, { timeout: 500, retry: 1 });
}

async function placeByHand(coordinator: SiteCoordinator): Promise<void> {
  await using transaction = await coordinator.begin(BOTH, { timeout: 500 });
  write(transaction.clients, transaction);
  await transaction.commit();
}

/** How a transaction fails, and with what. */
const FAILURES: readonly {
  readonly name: string;
  readonly type: new (...given: never[]) => Error;
  readonly arrange: (site: Site) => void;
}[] = [
  {
    name: "a refused PREPARE",
    type: TransactionAbortedError,
    arrange: ({ south }) => south.script.next("prepare", refuses(CONFLICT)),
  },
  {
    name: "a session that could not be had",
    type: TransactionAbortedError,
    arrange: ({ south }) => south.script.always("acquire", fails(CONFLICT)),
  },
  {
    name: "the end of its time",
    type: TransactionAbortedError,
    arrange: ({ south }) => south.script.always("examine", hangs),
  },
  {
    name: "a decision of which nobody knows",
    type: OutcomeUnknownError,
    arrange: ({ disk }) => disk.fail({ kind: "syncData", times: Infinity }),
  },
  {
    name: "a branch that someone has rolled back",
    type: HeuristicOutcomeError,
    arrange: ({ south }) =>
      south.script.next("commitPrepared", (call) => {
        south.endByHand(south.prepared[0]!, "aborted");
        return call.effect();
      }),
  },
];

for (const { name, type, arrange } of FAILURES) {
  for (const place of [placeOrder, placeByHand]) {
    Deno.test(`A transaction's error leads to its caller: ${name}, ${place.name}`, async () => {
      const site = new Site();
      const coordinator = await site.open();
      arrange(site);
      const error = await assertRejects(() => site.clock.run(place(coordinator)), type);
      assertStringIncludes(error.stack ?? "", `at async ${place.name} `);
      assert(error.stack?.startsWith(`${type.name}: ${error.message}`), error.stack);
      site.disk.mend();
      await site.clock.run(coordinator.close());
    });
  }
}

Deno.test("An application's own error keeps its stack", async () => {
  const site = new Site();
  const coordinator = await site.open();
  const own = new TypeError("the application's own");
  const { stack } = own;
  const transacting = coordinator.transaction(BOTH, () => {
    throw own;
  });
  assertStrictEquals(await assertRejects(() => site.clock.run(transacting)), own);
  assertStrictEquals(own.stack, stack);
  await site.clock.run(coordinator.close());
});
