/**
 * The contract of the `Participant` interface: every adapter runs it against its own database. What
 * is tested here is what the coordinator relies on; what only one driver or one database has is
 * tested beside it.
 *
 * ```ts ignore
 * participantContract("pglite", { dialect, branches: "one", escapes, makeSubject, register });
 * ```
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { beginningContract } from "./contract/beginning.ts";
import { clientContract } from "./contract/client.ts";
import { settlingContract } from "./contract/settling.ts";
import {
  assertPrepared,
  type Contract,
  type ContractDialect,
  type ContractOptions,
  type ContractSubject,
  countOutside,
  listed,
  openWritten,
} from "./contract/subject.ts";
import { votingContract } from "./contract/voting.ts";

export type { ContractDialect, ContractOptions, ContractSubject } from "./contract/subject.ts";

/** Every test ends with this: whatever was done, the next branch finds a clean session. */
async function proveUsable<Client>(
  subject: ContractSubject<Client>,
  dialect: ContractDialect,
): Promise<void> {
  assertEquals(await listed(subject), [], "something stayed prepared");
  const before = await countOutside(subject, dialect);
  await using next = await openWritten(subject, dialect);
  assertPrepared(await next.branch.prepare(), next.token);
  assertEquals(await next.branch.commitPrepared(), { kind: "done" });
  next.release();
  assertEquals(await countOutside(subject, dialect), before + 1);
}

/**
 * Registers the contract's tests for one adapter.
 *
 * @param name What the names of the tests begin with.
 * @param options The adapter and its database.
 */
export function participantContract<Client>(name: string, options: ContractOptions<Client>): void {
  const contract: Contract<Client> = {
    ...options,
    test: (behaviour, body) =>
      options.register(`${name}: ${behaviour}`, async () => {
        await using subject = await options.makeSubject();
        await body(subject);
        await proveUsable(subject, options.dialect);
      }),
  };
  beginningContract(contract);
  votingContract(contract);
  settlingContract(contract);
  clientContract(contract);
}
