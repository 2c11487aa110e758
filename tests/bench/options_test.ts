import { assertEquals, assertThrows } from "@std/assert";
import { readOptions, USAGE, UsageError, WORKS } from "../../bench/load/options.ts";

Deno.test("readOptions() has defaults for everything", () => {
  assertEquals(readOptions([]), {
    works: ["commit"],
    concurrency: null,
    seconds: 3,
    rounds: 5,
    transactions: 1_000_000,
    minutes: 10,
    json: null,
    chart: null,
  });
});

Deno.test("readOptions() takes lists", () => {
  const options = readOptions([
    "--work",
    "log,recover",
    "--concurrency",
    "1,16",
    "--seconds",
    "0.5",
  ]);
  if (options === "help") throw new Error("No help was asked for");
  assertEquals(options.works, ["log", "recover"]);
  assertEquals(options.concurrency, [1, 16]);
  assertEquals(options.seconds, 0.5);
  assertEquals(readOptions(["--help"]), "help");
});

Deno.test("readOptions() refuses what cannot be, and says what would be right", () => {
  const cases: [string[], string][] = [
    [["--work", "speed"], 'Cannot measure "speed": there are log, commit'],
    [["--work", ""], 'Cannot measure ""'],
    [["--concurrency", "0"], 'Cannot take "0" for --concurrency: a number from 1 to 16384'],
    [["--concurrency", "1,,2"], 'Cannot take "" for --concurrency'],
    [["--concurrency", "1.5"], "Cannot take 1.5 for --concurrency: a whole number"],
    [["--rounds", "many"], 'Cannot take "many" for --rounds'],
    [["--seconds", "-1"], "Cannot"],
    [["--seconds", "Infinity"], 'Cannot take "Infinity" for --seconds'],
    [["--transactions", "1e12"], 'Cannot take "1e12" for --transactions'],
    [["--speed"], "Cannot read the command line"],
    [["surprise"], "Cannot read the command line"],
  ];
  for (const [args, message] of cases) {
    assertThrows(() => readOptions(args), UsageError, message, args.join(" "));
  }
});

Deno.test("the usage names every work", () => {
  for (const work of WORKS) assertEquals(USAGE.includes(work), true, work);
});
