/**
 * The result of a run: a table of what was counted, the proof, one last sentence; or all of it as JSON.
 *
 * @module
 */

import Table from "cli-table3";
import { formatCents } from "./money.ts";
import type { Claim } from "./referee.ts";
import type { Style } from "./style.ts";
import type { Tally } from "./tally.ts";

/** How many violations of one claim are shown to people; JSON has them all. */
const SHOWN_VIOLATIONS = 10;

/** Draws the table. */
export function drawTable(tally: Tally, style: Style): string {
  const table = new Table({
    style: { head: [], border: style.isColorSupported ? ["grey"] : [], compact: true },
    colAligns: ["left", "right"],
  });
  const { abortReasons: why } = tally;
  table.push(
    [style.bold("Transfers attempted"), style.bold(String(tally.transfers))],
    ["  committed in both banks", tally.committed],
    ["  aborted in both banks", tally.aborted],
    ["    not enough money", why["insufficient funds"]],
    ["    PREPARE refused, unknown account", why["refused at PREPARE"]],
    ...(why.other > 0 ? [["    for another reason", why.other]] : []),
    ["    cut off by a kill", tally.cutOff],
    [
      style.bold("Found in doubt"),
      style.bold(String(tally.inDoubtCommitted + tally.inDoubtRolledBack)),
    ],
    ["  decided, so committed", tally.inDoubtCommitted],
    ["  undecided, so rolled back", tally.inDoubtRolledBack],
    [style.bold("Kills"), style.bold(String(tally.kills))],
    ...Object.entries(tally.killsByPlace).map(([place, count]) => [`  ${place}`, count]),
    [style.bold("Recovery time"), ""],
    ["  median", `${tally.recoveryMilliseconds.median} ms`],
    ["  longest", `${tally.recoveryMilliseconds.max} ms`],
  );
  return table.toString();
}

/** Writes the proof, claim by claim. */
export function writeProof(claims: readonly Claim[], style: Style): string {
  const lines = claims.flatMap(({ text, violations }) => {
    if (violations.length === 0) return [`${style.green("✓")} ${text}`];
    const more = violations.length - SHOWN_VIOLATIONS;
    return [
      `${style.red("✗")} ${text}`,
      ...violations.slice(0, SHOWN_VIOLATIONS).map((violation) => style.red(`    ${violation}`)),
      ...(more > 0 ? [style.red(`    and ${more} more`)] : []),
    ];
  });
  return [style.bold("The proof"), ...lines].join("\n");
}

/** Says it in one sentence. */
export function writeConclusion(
  tally: Tally,
  violations: readonly string[],
  seed: number,
  style: Style,
): string {
  if (violations.length > 0) {
    const count = violations.length === 1 ? "1 violation" : `${violations.length} violations`;
    return style.bold(
      style.red(`${count}: what must hold did not; --seed ${seed} repeats the choices`),
    );
  }
  return style.bold(style.green(
    `Nothing stayed in doubt: ${tally.kills} ${
      tally.kills === 1 ? "kill" : "kills"
    }, ${tally.transfers} transfers, ` +
      `and every cent of ${formatCents(tally.sumAfter)} is where it belongs`,
  ));
}

/** Everything as one object. Amounts are in cents. */
export function toJson(
  tally: Tally,
  violations: readonly string[],
  run: { readonly seed: number; readonly databases: string; readonly milliseconds: number },
): string {
  return JSON.stringify({ ok: violations.length === 0, ...tally, violations, ...run });
}

/** The same for a run that could not be brought to its end. */
export function failureToJson(message: string, seed: number): string {
  return JSON.stringify({ ok: false, violations: [message], seed });
}
