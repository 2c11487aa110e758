/**
 * A process that reads a log directory in one way and says, as JSON, how much memory that took at its peak
 * beyond what the process had before, and how long:
 *
 *     deno run -A tests/fuzz/segment_reader.ts READER DIRECTORY
 *
 * The peak is the kernel's own figure for the whole process: heap, buffers, and WebAssembly.
 */

import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { inspectLog } from "../../src/wal/inspect.ts";
import { Log } from "../../src/wal/log.ts";
import { scanSegment } from "../wal/scan_segment.ts";
import { verifyLog } from "../../src/wal/verify.ts";
import { denoPlatform } from "../../src/platform/platform.ts";

/** Everything that reads a log directory. */
const READERS: Readonly<Record<string, (directory: string) => Promise<void>>> = {
  async scan(directory) {
    await scanSegment(denoPlatform, directory, 0, () => {});
  },
  async inspect(directory) {
    let ends = 0;
    for await (const item of inspectLog(denoPlatform, directory)) if (item.kind === "end") ends++;
    if (ends !== 1) throw new Error(`Cannot inspect ${directory}: it has ${ends} ends, not 1`);
  },
  async verify(directory) {
    const { verdict, reason } = await verifyLog(denoPlatform, directory);
    if (verdict === "cannot_tell") throw new Error(`Cannot verify ${directory}: ${reason}`);
  },
  async open(directory) {
    await (await Log.open({ directory, model: new LiveState() })).close();
  },
};

/** The most memory that this process has had so far, in bytes. */
function peak(): number {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
  if (kibibytes === undefined) throw new Error("Cannot tell the peak: the kernel does not say it");
  return Number(kibibytes) * 1024;
}

const [name = "", directory = ""] = Deno.args;
const read = READERS[name];
if (read === undefined) throw new Error(`Cannot read: ${name} is no reader`);
const before = peak();
const begun = performance.now();
await read(directory);
const taken = performance.now() - begun;
console.log(JSON.stringify({ grown: peak() - before, taken }));
