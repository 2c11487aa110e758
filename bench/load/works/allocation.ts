/**
 * What a commit, or an append, leaves to the garbage collector: bytes by operation, and by the function that
 * made them; and how much of it outlives the collections of what is young, which costs many times more. Unlike
 * times, these figures hardly depend on what else the machine does. Found with V8's sampling heap profiler,
 * which sees what has been collected already, too.
 *
 * @module
 */

import { Session } from "node:inspector";
import { closedLoop } from "../closed_loop.ts";
import { openContender } from "../contenders.ts";
import { TemporaryFolder } from "../temporary.ts";

/** A sample is taken about every so many bytes. */
const SAMPLING_BYTES = 4096;
/** Functions that are named; the others are summed up. */
const NAMED = 40;
const WARM_UP_SECONDS = 1;
const RECORD_BYTES = 100;

/** A function and what calls made in it, as the profiler tells. */
export interface HeapNode {
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
  };
  /** Bytes that the function itself made. */
  readonly selfSize: number;
  readonly children: readonly HeapNode[];
}

/** Measures it and prints a table. */
export async function measureAllocation(
  name: "commit" | "log",
  concurrency: number,
  seconds: number,
): Promise<void> {
  await using folder = await TemporaryFolder.make();
  const settings = { directory: folder.path, concurrency, bytes: RECORD_BYTES, urls: [] };
  await using contender = await openContender(name, settings);
  const run = (time: number) => closedLoop(() => contender.operate(), concurrency, time);
  await run(WARM_UP_SECONDS);
  const session = new Session();
  session.connect();
  for (const [young, what] of [[true, ""], [false, " that outlive being young"]] as const) {
    await ask(session, "HeapProfiler.startSampling", {
      samplingInterval: SAMPLING_BYTES,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: young,
    });
    const { operations } = await run(seconds);
    const { profile } = await ask(session, "HeapProfiler.stopSampling") as {
      profile: { head: HeapNode };
    };
    const words = `${name} at ${concurrency}${what}`;
    console.log(allocationTable(profile.head, operations, words));
  }
  session.disconnect();
}

/** Draws what each function made by operation, the most first. */
export function allocationTable(head: HeapNode, operations: number, what: string): string {
  const sizes = new Map<string, number>();
  addTo(sizes, head);
  const sorted = [...sizes].filter(([, size]) => size > 0).sort(([, one], [, other]) =>
    other - one
  );
  const sum = (some: readonly (readonly [string, number])[]) =>
    some.reduce((total, [, size]) => total + size, 0);
  const line = (size: number, words: string) =>
    `${(size / operations).toFixed(0).padStart(8)}  ${words}`;
  const rest = sorted.slice(NAMED);
  return [
    line(sum(sorted), `bytes by operation, ${what} (${operations} operations)`),
    ...sorted.slice(0, NAMED).map(([words, size]) => line(size, words)),
    ...(rest.length > 0 ? [line(sum(rest), `${rest.length} others`)] : []),
  ].join("\n");
}

/** Adds up by function, wherever it was called from. */
function addTo(sizes: Map<string, number>, head: HeapNode): void {
  const nodes = [head];
  for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
    const { functionName, url } = node.callFrame;
    const words = `${functionName || "(no name)"} ${url.split("/").slice(-2).join("/")}`.trim();
    sizes.set(words, (sizes.get(words) ?? 0) + node.selfSize);
    nodes.push(...node.children);
  }
}

function ask(session: Session, method: string, parameters: object = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    session.post(method, parameters, (error, result) => {
      if (error === null) resolve(result);
      else reject(new Error(`Cannot profile: ${error.message}`, { cause: error }));
    });
  });
}
