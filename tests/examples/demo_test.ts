/**
 * The demo as a user starts it: the result it prints for machines, its exit codes, and that nothing of it
 * stays.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";

const MAIN = new URL("../../examples/demo/main.ts", import.meta.url).pathname;

async function demo(...args: string[]) {
  const temporary = await Deno.makeTempDir({ prefix: "indoubt_demo_test_" });
  try {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", MAIN, ...args],
      env: { TMPDIR: temporary, NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const left = [...Deno.readDirSync(temporary)].map(({ name }) => name);
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr), left };
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
}

Deno.test("demo --json prints one object that says how it went", async () => {
  const { code, stdout, stderr, left } = await demo("--json", "--rounds", "3", "--seed", "7");
  assertEquals(code, 0, stderr);
  assertEquals(left, []);
  assertEquals(stdout.trim().split("\n").length, 1, stdout);
  const result = JSON.parse(stdout);
  assertEquals(result.ok, true);
  assertEquals(result.violations, []);
  assertEquals(result.kills, 3);
  assertEquals(result.seed, 7);
  assertEquals(result.preparedLeft, 0);
  assertEquals(result.sumAfter, result.sumBefore);
  assertEquals(result.committed + result.aborted, result.transfers);
  assert(result.sumBefore > 0 && result.committed > 0, stdout);
  for (const field of ["inDoubtCommitted", "inDoubtRolledBack"]) {
    assert(Number.isInteger(result[field]), `${field} is ${result[field]}`);
  }
  assertMatch(stderr, /3\/3 killed/);
});

Deno.test("demo is broken off by a signal and leaves nothing", async () => {
  const temporary = await Deno.makeTempDir({ prefix: "indoubt_demo_test_" });
  try {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", MAIN, "--seed", "7"],
      env: { TMPDIR: temporary, NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const complaints = new Response(child.stderr).text();
    let signalled = false;
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      // The banks are founded and the first worker is started.
      if (text.includes("Founded") && !signalled) child.kill("SIGINT");
      signalled ||= text.includes("Founded");
    }
    assertEquals((await child.status).code, 130);
    assertMatch(await complaints, /Interrupted/);
    assertEquals([...Deno.readDirSync(temporary)], []);
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
});

const MISTAKES: readonly [args: string[], message: RegExp][] = [
  [
    ["--bogus"],
    /^Cannot read the options: Unknown option '--bogus', --help lists what there is\n$/,
  ],
  [["extra"], /^Cannot read the options: Unexpected argument 'extra'/],
  [["--rounds", "0"], /^Cannot use --rounds "0": it must be a whole number from 1 to/],
  [["--seed", "x"], /^Cannot use --seed "x": it must be a whole number from 0 to/],
  [["--postgres", "postgres://h/a"], /^Cannot use --postgres: it is given once/],
  [["--postgres", "a", "--postgres", "b"], /not an address of a database/],
];

for (const [args, message] of MISTAKES) {
  Deno.test(`demo ${args.join(" ")} is refused`, async () => {
    const { code, stdout, stderr, left } = await demo(...args);
    assertEquals({ code, stdout, left }, { code: 2, stdout: "", left: [] });
    assertMatch(stderr, message);
  });
}

Deno.test("demo says which database it cannot reach, without its password", async () => {
  const url = "postgres://user:secret@127.0.0.1:1/a";
  const { code, stdout, stderr, left } = await demo("--json", "--postgres", url, "--postgres", url);
  assertEquals({ code, left }, { code: 1, left: [] });
  const { ok, violations } = JSON.parse(stdout);
  assertEquals(ok, false);
  assertMatch(violations[0], /^Cannot reach the database of bank north, 127\.0\.0\.1:1\/a: /);
  assert(!`${stdout}${stderr}`.includes("secret"));
});

Deno.test("demo --help lists every option", async () => {
  const { code, stdout } = await demo("--help");
  assertEquals(code, 0);
  for (const option of ["--rounds", "--seed", "--json", "--postgres", "--keep"]) {
    assert(stdout.includes(option), option);
  }
});
