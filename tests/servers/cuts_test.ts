/**
 * The connection to a database is cut at every single command of a transaction, once before the
 * server gets it and once after it has carried it out. Whatever the command: what the caller hears
 * and what both databases hold agree, and nothing stays in doubt.
 */

import { assert, assertEquals } from "@std/assert";
import { HeuristicOutcomeError, OutcomeUnknownError, TransactionAbortedError } from "../../mod.ts";
import { bothClusters } from "./both_clusters.ts";
import { soon, until } from "./databases.ts";
import { ProxiedDatabases } from "./proxied_databases.ts";
import { NthCommand } from "./proxy/rules.ts";
import { type Name, type Opened, writeBoth } from "./two_databases.ts";

const NAMES: readonly Name[] = ["orders", "billing"];
const WAYS = ["cut before", "cut after"] as const;
/** More commands than a transaction has. */
const MAX_COMMANDS = 50;

const clusters = bothClusters();

type Work = (opened: Opened, id: string, written: () => void) => Promise<void>;

const inBoth: Work = ({ coordinator }, id, written) =>
  coordinator.transaction(NAMES, async ({ orders, billing }) => {
    await orders`INSERT INTO entry VALUES (${id}, 1)`;
    await billing`INSERT INTO entry VALUES (${id}, 1)`;
    written();
  });

const inOne: Work = ({ coordinator }, id, written) =>
  coordinator.transaction(["billing"], async ({ billing }) => {
    await billing`INSERT INTO entry VALUES (${id}, 1)`;
    written();
  });

/** What the caller hears. */
async function outcomeOf(work: Work, opened: Opened): Promise<"committed" | "aborted" | "unknown"> {
  let written = false;
  try {
    await soon("the transaction ends", work(opened, "cut", () => written = true));
    return "committed";
  } catch (error) {
    if (error instanceof HeuristicOutcomeError) throw error;
    if (error instanceof OutcomeUnknownError) return "unknown";
    // The application's own statement has failed with the driver's error, or the coordinator's.
    assert(error instanceof TransactionAbortedError || !written, String(error));
    return "aborted";
  }
}

/** Cuts at every command in turn, until a transaction has fewer; gives the commands. */
async function cutEverywhere(
  work: Work,
  name: Name,
  way: typeof WAYS[number],
  check: (found: { proxied: ProxiedDatabases; outcome: string; command: string }) => Promise<void>,
): Promise<string[]> {
  await using proxied = await ProxiedDatabases.connect(clusters);
  const commands: string[] = [];
  for (let nth = 1; nth < MAX_COMMANDS; nth++) {
    await using opened = await proxied.open();
    const cut = new NthCommand(nth, way);
    proxied.proxies[name].rule = cut.rule;
    const outcome = await outcomeOf(work, opened);
    proxied.pass();
    await until("everything is settled", () => opened.coordinator.unsettled === 0);
    const command = cut.texts[nth - 1];
    if (command === undefined) {
      assertEquals(outcome, "committed", "it was not cut");
      return commands;
    }
    commands.push(command);
    await check({ proxied, outcome, command });
    // The pool is of use again, and so is the coordinator.
    await soon(
      "the next transaction",
      until("it goes through", () => {
        return writeBoth(opened, "next").then(() => true, () => false);
      }),
    );
    for (const sql of Object.values(proxied.both.clients)) await sql`TRUNCATE entry`;
  }
  throw new Error(`A transaction has ${MAX_COMMANDS} commands or more: ${commands.join("\n")}`);
}

/** That the enumeration has been at the protocol's own commands. */
function assertSeen(commands: readonly string[], ...patterns: RegExp[]): void {
  for (const pattern of patterns) {
    assert(commands.some((text) => pattern.test(text)), `${pattern} in ${commands.join("\n")}`);
  }
}

for (const name of NAMES) {
  for (const way of WAYS) {
    Deno.test(`Coordinator.transaction() agrees with both, each command of ${name} ${way}`, async () => {
      const outcomes = new Set<string>();
      const commands = await cutEverywhere(inBoth, name, way, async (found) => {
        const { proxied: { both }, outcome, command } = found;
        outcomes.add(outcome);
        // Two databases were written to: the log alone knows the outcome, and it was there.
        assert(outcome !== "unknown", `it is unknown after ${command}`);
        await both.assertBoth(...outcome === "committed" ? ["cut"] : []);
      });
      assertSeen(commands, /^BEGIN/, /INSERT/, /PREPARE TRANSACTION/, /^COMMIT PREPARED/);
      assertEquals(outcomes, new Set(["aborted", "committed"]));
    });
  }
}

for (const way of WAYS) {
  Deno.test(`Coordinator.transaction() in one database agrees with it, each command ${way}`, async () => {
    const commands = await cutEverywhere(inOne, "billing", way, async (found) => {
      const { proxied: { both }, outcome, command } = found;
      const entries = await both.entries("billing");
      if (outcome === "committed") assertEquals(entries, ["cut"], command);
      if (outcome === "aborted") assertEquals(entries, [], command);
      await both.assertNothingPrepared();
    });
    assertSeen(commands, /^BEGIN/, /INSERT/, /^COMMIT/);
  });
}
