/**
 * What each command does. Each gives the code with which the process ends.
 *
 * @module
 */

import { denoPlatform } from "../platform/platform.ts";
import { inspectLog } from "../wal/inspect.ts";
import { repairLog } from "../wal/repair.ts";
import { type LogVerdict, verifyLog } from "../wal/verify.ts";
import { itemToJson } from "./inspect_json.ts";
import { InspectTable } from "./inspect_table.ts";
import { operatorName } from "./operator_name.ts";
import type { CommandOutput } from "./output.ts";
import { repairWords } from "./repair_words.ts";
import { reportToJson } from "./verify_json.ts";
import { reportWords } from "./verify_words.ts";

const CODES: Readonly<Record<LogVerdict, number>> = { sound: 0, damaged: 1, cannot_tell: 2 };

/**
 * `indoubt inspect`: shows every record.
 *
 * @param directory The log directory.
 * @param options What was asked for.
 * @param output Where it is shown.
 * @returns 0.
 */
export async function inspect(
  directory: string,
  options: { readonly json?: boolean },
  { out }: CommandOutput,
): Promise<number> {
  const table = options.json ? null : new InspectTable();
  for await (const item of inspectLog(denoPlatform, directory)) {
    out.add(table?.add(item) ?? itemToJson(item));
    await out.relieve();
    if (out.closed) return 0;
  }
  out.add(table?.finish() ?? "");
  return 0;
}

/**
 * `indoubt verify`: says whether a log is sound.
 *
 * @param directory The log directory.
 * @param options What was asked for.
 * @param output Where it is said.
 * @returns 0 if it is sound, 1 if it is damaged, 2 if nobody can tell.
 */
export async function verify(
  directory: string,
  options: { readonly json?: boolean },
  { out }: CommandOutput,
): Promise<number> {
  const report = await verifyLog(denoPlatform, directory);
  out.add(options.json ? reportToJson(report) : reportWords(report));
  return CODES[report.verdict];
}

/**
 * `indoubt repair`: has a damaged log opened, and on request clears it.
 *
 * @param directory The log directory.
 * @param options What was asked for.
 * @param output Where it is said what was done.
 * @returns 0 if no transaction is uncertain any more, 1 if some are.
 */
export async function repair(
  directory: string,
  options: {
    readonly reason: string;
    readonly by?: string;
    readonly presumeAbort?: boolean;
    readonly acceptCopy?: boolean;
  },
  { out }: CommandOutput,
): Promise<number> {
  const { reason, by = operatorName(), presumeAbort = false, acceptCopy = false } = options;
  const platform = denoPlatform;
  const report = await repairLog({ platform, directory, reason, by, presumeAbort, acceptCopy });
  out.add(repairWords(report, reason, by));
  return report.verdicts.length === 0 || report.cleared ? 0 : 1;
}
