/**
 * Calls of a real process that fail in the kernel's name make the log lose nothing: `strace` lets
 * single calls fail, of every kind that the log makes, or all of them for a while. Its record of
 * the calls shows that no sync that failed was followed by an acknowledgement, unless everything
 * had been said again in another segment before.
 */

import { assert } from "@std/assert";
import { existsSync } from "@std/fs/exists";
import { parseSegmentName, segmentName } from "../../src/wal/segment_name.ts";
import type { SeededRandom } from "../simulation/seeded_random.ts";
import { diskTest } from "./ability.ts";
import { Knowledge } from "./knowledge.ts";
import { Load } from "./load.ts";
import { ROOM, Stage, until } from "./stage.ts";
import { checkTrace } from "./system_calls.ts";

const ROUNDS = 3;
/** Which thread makes a call is the runtime's affair, and so how many of them fail: more rounds if too few did. */
const MOST_ROUNDS = 30;
const REPORT_BYTES = 40_000;
const DIRECTORY = `${ROOM}/log`;
const TRACE = `${ROOM}/trace`;

/** So many numbers a load may use before it ends. */
const LSNS = 3000;

/**
 * What is not named is not traced. A segment made ready passes over a thousand numbers, at most; a load that ends may
 * still begin one or two.
 */
const SEGMENTS = LSNS + 3000;
const FILES = 2000;

/** Is in the names of segments that are being made. */
const SALT = 7;

/** A call that is made to fail. */
interface Fault {
  /** As `strace` writes it. It counts the calls of each thread on its own. */
  readonly inject: string;
  /** Whether it is for the log's files alone: other calls of the kind must not fail. */
  readonly own?: boolean;
}

const FAULTS: Readonly<Record<string, Fault>> = {
  "fdatasync fails": { inject: "fdatasync:error=EIO:when=7+9" },
  "fdatasync fails many times in a row": { inject: "fdatasync:error=EIO:when=15..17" },
  "a write finds no space": { inject: "write:error=ENOSPC:when=9+31", own: true },
  "a write takes nothing": { inject: "write:retval=0:when=9+37", own: true },
  "a rename fails": { inject: "rename:error=EIO:when=3+2" },
  "a sync of the directory fails": { inject: "fsync:error=EIO:when=4+3" },
  // An opening opens about twenty files, a try to heal some more: every third call could fail them all.
  "a file cannot be made or opened": { inject: "openat:error=EMFILE:when=23+7", own: true },
  "a file cannot be removed": { inject: "unlink:error=EIO:when=2+2" },
};

/** First number of the newest segment; 0 if there is none. */
function newestSegment(stage: Stage): number {
  const directory = stage.outside(DIRECTORY);
  if (!existsSync(directory)) return 0;
  const names = [...Deno.readDirSync(directory)].map(({ name }) => name);
  return Math.max(0, ...names.map((name) => parseSegmentName(name) ?? 0));
}

/** The files of a log, as far as their names are known before. */
function ownPaths(newest: number): string[] {
  const segments = Array.from(
    { length: SEGMENTS },
    (_, index) => segmentName(newest + index),
  );
  const next = Array.from({ length: FILES }, (_, index) => `next-${index}.unfinished`);
  const unfinished = segments.map((name) => `${name}.${SALT}.unfinished`);
  const names = ["identity.json.unfinished", ...next, ...segments, ...unfinished];
  return [DIRECTORY, ...names.map((name) => `${DIRECTORY}/${name}`)];
}

/** Arguments for `strace`: trace the log's calls and the report's, and let some fail. */
function tracing(report: string, newest: number, { inject, own }: Fault): string[] {
  const calls = "write,pwrite64,fdatasync,fsync,rename,openat,unlink";
  const paths = own ? [report, ...ownPaths(newest)] : [];
  return [
    ...["-f", "-qq", "-y", "-s", "64", "-o", TRACE, "-e", `trace=${calls}`],
    ...["-e", `inject=${inject}`],
    ...paths.flatMap((path) => ["-P", path]),
  ];
}

/** One load whose calls fail now and then; answers how often one did. */
async function runWithFault(
  stage: Stage,
  random: SeededRandom,
  knowledge: Knowledge,
  fault: Fault,
): Promise<number> {
  const segmentSize = random.pick([4096, 16_384]);
  const newest = newestSegment(stage);
  const wrap = (report: string) => ["strace", ...tracing(report, newest, fault)];
  const own = fault.own && { salt: SALT, lastLsn: newest + LSNS };
  const options = { directory: DIRECTORY, segmentSize, ...own };
  const load = Load.start(stage, random, options, wrap);
  const runs = await load.reachOrEnd(REPORT_BYTES);
  // A program whose log cannot be opened has ended by itself.
  const report = runs && random.chance(0.5) ? await load.kill() : await load.stop();
  knowledge.learn(report);
  const trace = await Deno.readTextFile(stage.outside(TRACE));
  const { injections, acknowledgements } = checkTrace(trace, DIRECTORY);
  // One more or less if the program was killed in the midst of its report.
  const missing = Math.abs(acknowledgements - report.acknowledgements);
  assert(missing <= 1, "the trace is not complete");
  await knowledge.check(stage.outside(DIRECTORY), "gaps");
  return injections;
}

/** Whether a tracer has attached itself to a process. */
async function isTraced(stage: Stage, process: number): Promise<boolean> {
  return !/^TracerPid:\s*0$/m.test(await stage.run("cat", `/proc/${process}/status`));
}

for (const [name, fault] of Object.entries(FAULTS)) {
  diskTest(`nothing is lost when ${name}`, ["strace"], async (random) => {
    await using stage = await Stage.open();
    const knowledge = new Knowledge();
    let injections = 0;
    const isDue = (round: number) => round <= ROUNDS || injections < ROUNDS;
    for (let round = 1; round <= MOST_ROUNDS && isDue(round); round++) {
      injections += await runWithFault(stage, random, knowledge, fault);
    }
    console.log(`${injections} faults, ${knowledge.acknowledged} records acknowledged`);
    assert(injections >= ROUNDS, `only ${injections} calls were made to fail`);
    assert(knowledge.acknowledged > 0, "no record was acknowledged");
  });
}

// An unfinished segment, whose name is not known, can still be made here, but never made durable.
diskTest("a log heals itself when a dead disk works again", ["strace"], async (random) => {
  await using stage = await Stage.open();
  const knowledge = new Knowledge();
  const load = Load.start(stage, random, { directory: DIRECTORY, segmentSize: 16_384 });
  for (let round = 1; round <= ROUNDS; round++) {
    await load.reach(load.length + random.below(20_000));
    const { process, refusals } = load.read();
    const inject = "write,fdatasync,fsync,rename,openat,unlink:error=EIO";
    // Else it would have come to names that are not traced before the tracer is there.
    load.pause();
    const options = tracing(load.path, newestSegment(stage), { inject, own: true });
    const tracer = stage.spawn("strace", ...options, "-p", String(process));
    await until("the load is traced", () => isTraced(stage, process));
    load.resume();
    await until("the log is unavailable", () => load.read().refusals > refusals, 10_000);
    await new Promise((resolve) => setTimeout(resolve, random.below(300)));
    tracer.interrupt();
    await tracer.output;
    const trace = await Deno.readTextFile(stage.outside(TRACE));
    assert(checkTrace(trace, DIRECTORY).injections > 0, "no call was made to fail");
    await load.reach(load.length + 5000);
  }
  const report = await load.stop();
  assert(report.refusals > 0);
  knowledge.learn(report);
  await knowledge.check(stage.outside(DIRECTORY), "gaps");
});
