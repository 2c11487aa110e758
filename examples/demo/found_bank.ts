/**
 * A short process that makes one PGlite database with a bank in it. Its argument is the folder. It ends
 * early if its standard input is closed.
 *
 * @module
 */

import { foundBank } from "./bank.ts";
import { endWhenAbandoned, readLines } from "./lines.ts";
import { openPgliteBank } from "./pglite_bank.ts";

const [folder] = Deno.args;
if (folder === undefined) {
  throw new TypeError("Cannot found a bank: no folder is given, give one as the argument");
}
endWhenAbandoned(readLines(Deno.stdin.readable));
const bank = await openPgliteBank(folder);
await foundBank(bank);
await bank.close();
Deno.exit(0);
