/**
 * A process that opens a log, appends a decision, says so in a line of JSON, and then holds the log
 * until it is killed or its input ends.
 *
 *     deno run -A tests/wal/log_holder.ts DIRECTORY
 */

import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { Log } from "../../src/wal/log.ts";
import { committing } from "./sample_segment.ts";

const [directory] = Deno.args;
if (directory === undefined) throw new Error("Cannot hold a log: name its directory");

const log = await Log.open({ directory, model: new LiveState() });
await log.append(committing(1n));
console.log(JSON.stringify({ id: log.id, epoch: log.epoch }));
await Deno.stdin.read(new Uint8Array(1));
await log.close();
