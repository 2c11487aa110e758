/**
 * What verifying came to, in words: the verdict first, then what is damaged, which transactions it concerns,
 * what the next opening would do, and what a person can do.
 *
 * @module
 */

import type { FileFinding, VerifyReport } from "../wal/verify.ts";
import { isUncertain, uncertainWords } from "./affected.ts";
import { plain, section } from "./words.ts";

/** What is said of a log that is not a coordinator's, or not known to be one. */
const APPLICATION = "Records are an application's own: payloads are not checked";
const UNKNOWN = "No record tells whether a coordinator or an application keeps it";

type Transaction = VerifyReport["decided"][number];

/**
 * Says what a report says.
 *
 * @param report The report.
 * @returns The text.
 */
export function reportWords(report: VerifyReport): string {
  const { found, harmless, passedOver, setAside, decided, undecided } = report;
  const uncertain = undecided.filter(({ txn }) => isUncertain(report, txn));
  const presumed = undecided.filter(({ txn }) => !isUncertain(report, txn));
  const lines = [
    headline(report),
    ...ownerWords(report),
    ...section("Damage found now", findingWords(found)),
    ...section("Damage found earlier, which no operator has cleared", verdictWords(report)),
    ...section("Damage that costs nothing, a later record says it again", findingWords(harmless)),
    ...section(
      "Set aside earlier, to be removed by you alone",
      setAside.map((file) => plain(file)),
    ),
    ...section("Not read", findingWords(passedOver)),
    ...section("Decided and not finished: must commit", decided.map(transactionWords)),
    ...section("Begun and not decided: rolled back", presumed.map(transactionWords)),
    ...section("Begun, the decision may be lost: left alone", uncertain.map(transactionWords)),
    ...section("Transactions that are not presumed aborted", unlistedWords(report)),
    ...section("The next opening", openingWords(report)),
    ...section("What to do", adviceWords(report)),
  ];
  return `${lines.join("\n")}\n`;
}

/**
 * A transaction and where it took part.
 *
 * @param transaction The transaction.
 * @returns One line.
 */
export function transactionWords(transaction: Transaction): string {
  const where = "branches" in transaction
    ? transaction.branches.map(({ participant }) => participant).join(", ")
    : `user ${transaction.user}, database ${transaction.database}`;
  return `${transaction.txn}  ${plain(where)}`;
}

function headline(
  { directory, verdict, reason, format, id, epoch, nextLsn }: VerifyReport,
): string {
  const place = plain(directory, Infinity);
  if (verdict === "cannot_tell") return `Cannot tell: "${place}": ${plain(reason, Infinity)}`;
  const word = verdict === "sound" ? "Sound" : "Damaged";
  if (format === "pgdog") return `${word}: "${place}", a log of pgdog, next LSN ${nextLsn}`;
  const whose = id === null ? "" : `, log ${plain(id)}`;
  const opened = epoch === 0 ? "" : `, opening ${epoch}`;
  return `${word}: "${place}"${whose}${opened}${nextLsn === null ? "" : `, next LSN ${nextLsn}`}`;
}

function ownerWords({ application, format }: VerifyReport): string[] {
  if (application === null) return format === null ? [] : [UNKNOWN];
  return application ? [APPLICATION] : [];
}

function findingWords(findings: readonly FileFinding[]): string[] {
  return findings.map(({ file, reason }) => fileWords(file, reason));
}

function fileWords(file: string, reason: string): string {
  const name = file === "" ? "" : `${plain(file)}: `;
  return `${name}${plain(reason, Infinity)}`;
}

function verdictWords({ verdicts }: VerifyReport): string[] {
  return verdicts.map(({ file, reason, at }) => `${fileWords(file, reason)} (since ${plain(at)})`);
}

function unlistedWords(
  { application, format, id, uncertainUpTo, verdict }: VerifyReport,
): string[] {
  if (application) return [];
  if (format === "pgdog") return verdict === "damaged" ? ["all without a decision here"] : [];
  return uncertainUpTo === null ? [] : uncertainWords(id, uncertainUpTo);
}

function openingWords({ format, reason, nextOpening }: VerifyReport): string[] {
  if (nextOpening === null) {
    if (reason === "" || format === null) return [];
    return [`is refused: ${plain(reason, Infinity)}`];
  }
  const { epoch, firstLsn, setAside, remove } = nextOpening;
  const names = (files: readonly string[]): string => files.map((file) => plain(file)).join(", ");
  return [
    `is opening ${epoch} and begins a segment at LSN ${firstLsn}`,
    ...(setAside.length > 0 ? [`sets aside, as damaged: ${names(setAside)}`] : []),
    ...(remove.length > 0 ? [`removes, since it restates them: ${names(remove)}`] : []),
  ];
}

function adviceWords(report: VerifyReport): string[] {
  const { directory, application, format, verdict, nextOpening } = report;
  if (verdict !== "damaged") return [];
  if (format === "pgdog") return ["settle by hand in the databases what is listed here"];
  // The message that says why it is refused says what to do, too.
  if (nextOpening === null) return [];
  const repair = `indoubt repair ${shellWord(directory)} --presume-abort --reason TEXT`;
  if (application) {
    return [
      "have the program that owns the log open it, and see what is missing;",
      "then clear the damage:",
      repair,
    ];
  }
  const settle = "see in the databases which branches are prepared, and settle them by hand;";
  if (application === null) {
    return [
      "if an application owns the log, have it open it, and see what is missing;",
      `if a coordinator does, ${settle}`,
      "then clear the damage:",
      repair,
    ];
  }
  return [settle, "then let what has no decision be presumed aborted again:", repair];
}

/**
 * A word as a shell takes it.
 *
 * @param word The word.
 * @returns The word, in quotes if it needs them.
 */
export function shellWord(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
