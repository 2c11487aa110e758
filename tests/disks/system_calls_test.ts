/** The rule about failed calls is one that can be broken: each way to break it is noticed. */

import { assertEquals, assertThrows } from "@std/assert";
import { checkTrace } from "./system_calls.ts";

const DIRECTORY = "/log";
const WRITE = `9 write(23</log/007.wal>, "\\17\\0", 27) = 27`;
const SYNC = `10 fdatasync(24</log/007.wal>) = 0`;
const FAILED_SYNC = `10 fdatasync(24</log/007.wal>) = -1 EIO (Input/output error) (INJECTED)`;
const ANSWER = `9 pwrite64(21</report>, "answer 3 durable 8\\n", 19, 120) = 19`;
const RESTATED = [
  `11 openat(AT_FDCWD</>, "/log/009.wal.7.unfinished", O_RDWR|O_CREAT|O_EXCL, 0666) = 25</log/009>`,
  `9 write(25</log/009.wal.7.unfinished>, "IDBT", 16) = 16`,
  `9 write(25</log/009.wal.7.unfinished>, "\\17\\0", 484) = 484`,
  `10 fdatasync(26</log/009.wal.7.unfinished>) = 0`,
  `11 rename("/log/009.wal.7.unfinished", "/log/009.wal") = 0`,
];
const NAMED = `12 fsync(27</log>) = 0`;

function check(...lines: readonly string[]) {
  return checkTrace(lines.join("\n"), DIRECTORY);
}

Deno.test("the rule allows an answer behind a sync, and behind a restatement", () => {
  const { acknowledgements, injections } = check(
    ...[WRITE, SYNC, ANSWER, WRITE, FAILED_SYNC, ...RESTATED, NAMED, ANSWER],
  );
  assertEquals([acknowledgements, injections], [2, 1]);
});

Deno.test("the rule forbids an answer behind a sync that failed", () => {
  assertThrows(() => check(WRITE, FAILED_SYNC, ANSWER), Error, "waits for a name");
});

Deno.test("the rule forbids to sync again what could not be synced", () => {
  assertThrows(() => check(WRITE, FAILED_SYNC, SYNC), Error, "has failed before");
});

Deno.test("the rule forbids to write on behind a write that took nothing", () => {
  const nothing = WRITE.replace("= 27", "= 0 (INJECTED)");
  assertThrows(() => check(nothing, WRITE), Error, "has failed before");
});

Deno.test("the rule forbids an answer before the new segment's name is durable", () => {
  assertThrows(() => check(WRITE, FAILED_SYNC, ...RESTATED, ANSWER), Error, "waits for a sync");
  const failed = NAMED.replace("= 0", "= -1 EIO (Input/output error)");
  const lines = [WRITE, FAILED_SYNC, ...RESTATED, failed, ANSWER];
  assertThrows(() => check(...lines), Error, "waits for a sync");
});

Deno.test("the rule does not count a sync of the directory that began too early", () => {
  const early = ["12 fsync(27</log> <unfinished ...>", "12 <... fsync resumed>) = 0"] as const;
  const lines = [WRITE, FAILED_SYNC, early[0], ...RESTATED, early[1], ANSWER];
  assertThrows(() => check(...lines), Error, "waits for a sync");
});

const READY = [
  `9 write(25</log/next-0.unfinished>, "IDBT", 126) = 126`,
  `10 fdatasync(25</log/next-0.unfinished>) = 0`,
  `11 rename("/log/next-0.unfinished", "/log/020.wal") = 0`,
];
const GONE_OVER = [
  `9 write(25</log/020.wal>, "\\17\\0", 27) = 27`,
  `10 fdatasync(25</log/020.wal>) = 0`,
];

Deno.test("the rule allows answers while a segment is made ready, and behind going over to it", () => {
  const { acknowledgements } = check(
    ...[WRITE, SYNC, ...READY, ANSWER, NAMED, ANSWER, ...GONE_OVER, ANSWER],
  );
  assertEquals(acknowledgements, 3);
  check(WRITE, SYNC, ...READY, NAMED, WRITE, FAILED_SYNC, ...GONE_OVER, ANSWER);
});

Deno.test("the rule forbids to go over to a segment whose name is not durable", () => {
  const lines = [WRITE, SYNC, ...READY, ...GONE_OVER];
  assertThrows(() => check(...lines), Error, "whose name is not durable");
});

Deno.test("the rule forbids an answer when going over to a segment failed", () => {
  const [write = "", sync = ""] = GONE_OVER;
  const failed = sync.replace("= 0", "= -1 EIO (Input/output error) (INJECTED)");
  const lines = [WRITE, SYNC, ...READY, NAMED, write, failed, ANSWER];
  assertThrows(() => check(...lines), Error, "waits for a name");
});
