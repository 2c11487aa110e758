import { assert, assertEquals, assertRejects } from "@std/assert";
import { closedLoop } from "../../bench/load/closed_loop.ts";
import { ContenderProcess } from "../../bench/load/contender_process.ts";
import { Group } from "../../bench/load/contenders/group.ts";
import { SavedLog } from "../../bench/load/saved_log.ts";
import { TemporaryFolder } from "../../bench/load/temporary.ts";
import { TextLineStream } from "../../bench/load/text_lines.ts";
import { FIRST_APPLICATION_TAG, Log } from "../../src/wal/mod.ts";
import { KeepingModel } from "../../bench/load/keeping_model.ts";

const MAIN = new URL("../../bench/load/main.ts", import.meta.url).pathname;

Deno.test("closedLoop() has as many operations under way as callers, and counts all", async () => {
  let [under, most, all] = [0, 0, 0];
  const result = await closedLoop(
    async () => {
      under++;
      all++;
      most = Math.max(most, under);
      await new Promise((resolve) => setImmediate(resolve));
      under--;
    },
    5,
    0.02,
  );
  assertEquals([most, under], [5, 0]);
  assertEquals(result.operations, all);
  assertEquals(result.latencies.count, all);
});

Deno.test("closedLoop() fails as its operation does, when every caller has ended", async () => {
  let under = 0;
  let count = 0;
  const operation = async () => {
    under++;
    const fails = ++count === 7;
    await new Promise((resolve) => setImmediate(resolve));
    under--;
    if (fails) throw new Error("it broke");
  };
  await assertRejects(() => closedLoop(operation, 3, 60), Error, "it broke");
  assertEquals(under, 0);
});

Deno.test("Group writes once for all that came in one turn", async () => {
  const batches: number[] = [];
  const group = new Group((count) => batches.push(count));
  await Promise.all([group.join(), group.join(), group.join()]);
  await group.join();
  assertEquals(batches, [3, 1]);
});

Deno.test("Group tells everybody of a failure, and goes on", async () => {
  let fails = true;
  const group = new Group(() => {
    if (fails) throw new Error("no space");
  });
  const both = await Promise.allSettled([group.join(), group.join()]);
  assertEquals(both.map(({ status }) => status), ["rejected", "rejected"]);
  fails = false;
  await group.join();
});

Deno.test("TextLineStream cuts wherever the pieces end", async () => {
  const pieces = ["on", "e\ntw", "o\n\nthr", "ee"];
  const lines = ReadableStream.from(pieces).pipeThrough(new TextLineStream());
  assertEquals(await Array.fromAsync(lines), ["one", "two", "", "three"]);
});

Deno.test("a saved log opens the same way again and again", async () => {
  await using folder = await TemporaryFolder.make();
  const directory = `${folder.path}/log`;
  const open = async () => {
    const model = new KeepingModel();
    const log = await Log.open({ directory, model });
    return { log, count: model.count };
  };
  const { log } = await open();
  for (let count = 0; count < 3; count++) await log.append(new Uint8Array([FIRST_APPLICATION_TAG]));
  await log.close();
  const saved = await SavedLog.save(directory, `${folder.path}/saved`);
  for (let opening = 0; opening < 3; opening++) {
    await saved.restore();
    const { log, count } = await open();
    assertEquals([count, log.epoch], [3, 2]);
    await log.append(new Uint8Array([FIRST_APPLICATION_TAG]));
    await log.close();
  }
});

Deno.test("a contender that cannot be measured is named", async () => {
  const task = { name: "nobody", concurrency: 2, bytes: 1, urls: [] };
  await assertRejects(
    () => ContenderProcess.start(task),
    Error,
    'Cannot measure "nobody" at 2: its process ended with code 1',
  );
});

Deno.test("a short run prints a table, writes JSON, draws charts and leaves no file", async () => {
  await using folder = await TemporaryFolder.make();
  const TMPDIR = `${folder.path}/temporary`;
  await Deno.mkdir(TMPDIR);
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", MAIN, "--work", "log,commit", "--concurrency", "1,3"],
      ...[
        "--seconds",
        "0.1",
        "--rounds",
        "1",
        "--json",
        `${folder.path}/results`,
        "--chart",
        `${folder.path}/new/charts`,
      ],
    ],
    env: { TMPDIR },
    stderr: "null",
  }).output();
  assertEquals(code, 0);
  const text = new TextDecoder().decode(stdout);
  for (const words of ["processor", "disk", "per second", "p999 µs"]) {
    assert(text.includes(words), words);
  }
  const results = (await Deno.readTextFile(`${folder.path}/results`)).trimEnd().split("\n")
    .map((line) => JSON.parse(line));
  assertEquals(
    results.map(({ work, contender, concurrency }) => `${work} ${contender} ${concurrency}`),
    [
      ["log", "forced", "disk", "sqlite"],
      ["commit", "tuned", "disk", "sqlite", "bare path"],
    ].flatMap((contenders) =>
      [1, 3].flatMap((load) =>
        contenders.map((contender) => `${contenders[0]} ${contender} ${load}`)
      )
    ),
  );
  for (const { work, contender, batch, concurrency, ...result } of results) {
    for (const field of ["per_s", "p50_us", "p99_us", "p999_us", "ratio_to_disk"]) {
      assert(result[field] > 0, `${work} ${contender} ${field}`);
    }
    // The first and last operations of a round may not find company.
    if (contender !== "sqlite") assert(batch > 0.5 && batch <= concurrency + 0.5, String(batch));
  }
  for (const work of ["log", "commit"]) {
    assert(
      (await Deno.readTextFile(`${folder.path}/new/charts/performance-${work}.svg`)).startsWith(
        "<svg",
      ),
    );
  }
  assertEquals([...Deno.readDirSync(TMPDIR)].map(({ name }) => name), []);
});

Deno.test("nothing is measured of which the figures could not be kept", async () => {
  await using folder = await TemporaryFolder.make();
  await Deno.writeTextFile(`${folder.path}/file`, "");
  for (const option of ["--json", "--chart"]) {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        MAIN,
        "--seconds",
        "0.1",
        "--rounds",
        "1",
        option,
        `${folder.path}/file/x`,
      ],
      env: { TMPDIR: folder.path },
    }).output();
    assertEquals(code, 2);
    const said = new TextDecoder().decode(stderr).trimEnd().split("\n");
    assertEquals(said.length, 1, said.join("\n"));
    assert(said[0]!.startsWith("Cannot keep the figures: "), said[0]);
  }
});
