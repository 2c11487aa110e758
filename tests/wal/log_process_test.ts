/**
 * Proves on real files and with a real process that a log has one owner, that the owner is named,
 * and that its end, however it comes, frees the log and loses nothing.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import { LogLockedError } from "../../src/wal/errors.ts";
import { Log } from "../../src/wal/log.ts";
import { committing } from "./sample_segment.ts";

const HOLDER = new URL("log_holder.ts", import.meta.url).pathname;

async function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const parent = await Deno.makeTempDir({ prefix: "indoubt-log-" });
  try {
    await body(`${parent}/deep/er/log`);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}

/** Opens the log here; gives it with the transactions that it found. */
async function open(directory: string): Promise<{ log: Log<LogRecord>; found: bigint[] }> {
  const model = new LiveState();
  const log = await Log.open({ directory, model });
  return { log, found: model.active.map(({ txn }) => txn) };
}

/** Starts a process that holds the log, and waits until it does. */
async function startHolder(directory: string): Promise<Deno.ChildProcess> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", HOLDER, directory],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  });
  const child = command.spawn();
  let text = "";
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (text.includes("\n")) break;
  }
  assertEquals(JSON.parse(text).epoch, 1);
  return child;
}

async function assertHeldBy(directory: string, pid: number): Promise<void> {
  const error = await assertRejects(() => open(directory), LogLockedError, `process ${pid}`);
  assertEquals(error.holder?.pid, pid);
  const started = Date.parse(error.holder?.started ?? "");
  assert(Math.abs(Date.now() - started) < 600_000, error.message);
}

Deno.test("Log.open names another process that holds the log, and works when that was killed", async () => {
  await inDirectory(async (directory) => {
    const child = await startHolder(directory);
    try {
      await assertHeldBy(directory, child.pid);
      await assertHeldBy(directory, child.pid);
    } finally {
      child.kill("SIGKILL");
      await child.status;
      await child.stdin.close().catch(() => {});
    }
    const { log, found } = await open(directory);
    assertEquals([found, log.epoch, log.damages], [[1n], 2, []]);
    await log.close();
  });
});

Deno.test("Log.open works when another process has closed the log", async () => {
  await inDirectory(async (directory) => {
    const child = await startHolder(directory);
    await child.stdin.close();
    assert((await child.status).success);
    const { log, found } = await open(directory);
    assertEquals(found, [1n]);
    await log.close();
  });
});

Deno.test("Log.open refuses a log that this process has open, on real files", async () => {
  await inDirectory(async (directory) => {
    const { log } = await open(directory);
    await assertHeldBy(directory, Deno.pid);
    await log.append(committing(5n));
    await log.close();
    const { log: again, found } = await open(directory);
    assertEquals(found, [5n]);
    await again.close();
  });
});

Deno.test("Log.open needs no more than to read the segments that are there", async () => {
  await inDirectory(async (directory) => {
    const { log } = await open(directory);
    await log.append(committing(5n));
    await log.close();
    for await (const { name } of Deno.readDir(directory)) {
      if (name.endsWith(".wal")) await Deno.chmod(`${directory}/${name}`, 0o400);
    }
    const { log: again, found } = await open(directory);
    assertEquals(found, [5n]);
    await again.close();
  });
});
