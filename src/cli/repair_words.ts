/**
 * What a repair has done, in words: what was found, what was kept, and what stays uncertain and why.
 *
 * @module
 */

import type { RepairReport } from "../wal/repair.ts";
import type { VerifyReport } from "../wal/verify.ts";
import { uncertainWords } from "./affected.ts";
import { shellWord, transactionWords } from "./verify_words.ts";
import { plain, section } from "./words.ts";

/**
 * Says what a repair has done.
 *
 * @param report The report.
 * @param reason Why it was done.
 * @param by Who did it.
 * @returns The text.
 */
export function repairWords(report: RepairReport, reason: string, by: string): string {
  const { before, epoch, done, verdicts, setAside, cleared, decided, undecided } = report;
  const place = plain(before.directory, Infinity);
  if (epoch === null) return `Nothing to repair: "${place}" is sound, nothing was changed\n`;
  const found = verdicts.map(({ file, reason, at, epoch: upTo }) => {
    const name = file === "" ? "" : `${plain(file)}: `;
    return `${name}${plain(reason, Infinity)} (openings up to ${upTo}, found ${plain(at)})`;
  });
  const lines = [
    `Opened: "${place}", log ${plain(report.id ?? "")}, opening ${epoch}`,
    ...section("Kept in the log", [
      `repaired by ${plain(by, Infinity)}: ${plain(reason, Infinity)}`,
      plain(done, Infinity),
    ]),
    ...section("Damage", found),
    ...section("Set aside, byte for byte", setAside.map((name) => plain(name))),
    ...section("Decided and not finished: must commit", decided.map(transactionWords)),
    ...section("Begun, without a decision", undecided.map(transactionWords)),
    ...(cleared ? clearedWords(before) : verdicts.length > 0 ? uncertain(report) : []),
  ];
  return `${lines.join("\n")}\n`;
}

function clearedWords({ application }: VerifyReport): string[] {
  const missing = ["the damage stands no more, what is missing stays missing"];
  const presumed = [
    "from now on a transaction without a decision is presumed aborted, also one of that time:",
    "the next opening of the coordinator rolls back what it finds prepared without one",
  ];
  if (application === null) return section("Cleared", [...missing, IF_COORDINATOR, ...presumed]);
  return section("Cleared", application ? missing : presumed);
}

/** Before what holds only for a log of which nobody knows whether it is a coordinator's. */
const IF_COORDINATOR = "if a coordinator owns the log:";

function uncertain({ before, id, verdicts }: RepairReport): string[] {
  const repair = `indoubt repair ${shellWord(before.directory)} --presume-abort --reason TEXT`;
  if (before.application) {
    return section("The damage stands until you clear it", [repair]);
  }
  const upTo = verdicts.reduce((most, { epoch }) => Math.max(most, epoch), 0);
  if (before.application === null) {
    return [
      ...section("The damage stands until you clear it", [
        IF_COORDINATOR,
        "these are uncertain, since their decisions may have been in what is lost:",
        ...uncertainWords(id, upTo),
      ]),
      ...section("When you have settled them, or seen what the application lacks", [repair]),
    ];
  }
  return [
    ...section("Still uncertain, since their decisions may have been in what is lost", [
      ...uncertainWords(id, upTo),
      "the coordinator leaves them prepared and reports them, at this and every later opening",
    ]),
    ...section("When you have settled them in the databases", [repair]),
  ];
}
