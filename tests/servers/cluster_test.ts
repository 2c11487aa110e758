/** The test cluster keeps its promises: real crashes, real restarts, and nothing left behind. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import postgres from "postgres";
import { listProcesses, waitUntil } from "../../tasks/processes.ts";
import { PostgresCluster } from "./cluster.ts";

/** One session on the server, ended with the block. */
function connect(url: string): postgres.Sql & AsyncDisposable {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  return Object.assign(sql, { [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }) });
}

async function preparedGids(cluster: PostgresCluster): Promise<string[]> {
  await using sql = connect(cluster.url());
  const rows = await sql<{ gid: string }[]>`SELECT gid FROM pg_prepared_xacts ORDER BY gid`;
  return rows.map(({ gid }) => gid);
}

async function prepare(cluster: PostgresCluster, gid: string): Promise<void> {
  await using sql = connect(cluster.url());
  await sql`CREATE TABLE IF NOT EXISTS entry (gid TEXT)`;
  await sql.begin(async (transaction) => {
    await transaction`INSERT INTO entry VALUES (${gid})`;
    await transaction.prepare(gid);
  });
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path) !== undefined;
  } catch {
    return false;
  }
}

/** The number of the server's segment of shared memory, which the kernel keeps after a SIGKILL. */
function sharedMemory(cluster: PostgresCluster): string | undefined {
  const file = Deno.readTextFileSync(`${cluster.dataFolder}/postmaster.pid`);
  return file.split("\n")[6]?.trim().split(/ +/)[1];
}

function sharedMemoryIds(): (string | undefined)[] {
  const lines = Deno.readTextFileSync("/proc/sysvipc/shm").split("\n");
  return lines.map((line) => line.trim().split(/ +/)[1]);
}

/** What is left of the clusters in a folder: files, and processes that name it. */
function leftovers(folder: string): string[] {
  return [
    ...[...Deno.readDirSync(folder)].map(({ name }) => name),
    ...listProcesses().filter(({ command }) => command.includes(folder)).map(({ command }) =>
      command
    ),
  ];
}

/** A folder for temporary files that PostgreSQL's user may enter. */
async function openFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "indoubt_cluster_test_" });
  await Deno.chmod(path, 0o777);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/**
 * A program of its own that starts a cluster in the folder, prints where it is, and waits to be
 * killed.
 */
function spawnOwner(folder: string): Deno.ChildProcess {
  const program = `
    import { PostgresCluster } from ${JSON.stringify(import.meta.resolve("./cluster.ts"))};
    const cluster = await PostgresCluster.start();
    console.log(JSON.stringify([cluster.postmaster, cluster.dataFolder]));
    setInterval(() => {}, 1000);
  `;
  return new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", program],
    env: { TMPDIR: folder },
    stdin: "null",
    stdout: "piped",
  }).spawn();
}

/** The first line that a program prints. */
async function firstLine(stdout: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const piece of stdout.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (text.includes("\n")) break;
  }
  return text.trim();
}

async function settings(
  cluster: PostgresCluster,
  names: string[],
): Promise<Record<string, string>> {
  await using sql = connect(cluster.url());
  const rows = await sql<{ name: string; setting: string }[]>`
    SELECT name, setting FROM pg_settings WHERE name = ANY(${names})
  `;
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
}

Deno.test("PostgresCluster.start() gives a durable server on loopback that prepares", async () => {
  await using cluster = await PostgresCluster.start();
  const expected = {
    fsync: "on",
    listen_addresses: "127.0.0.1",
    max_prepared_transactions: "100",
    port: String(cluster.port),
    unix_socket_directories: "",
  };
  assertEquals(await settings(cluster, Object.keys(expected)), expected);
  await prepare(cluster, "one");
  assertEquals(await preparedGids(cluster), ["one"]);
});

Deno.test("PostgresCluster.start() takes settings, except where to listen", async () => {
  const given = {
    cluster_name: "it's \\ here",
    fsync: "off",
    listen_addresses: "*",
    max_prepared_transactions: "3",
    port: "1",
  };
  await using cluster = await PostgresCluster.start({ settings: given });
  assertEquals(await settings(cluster, Object.keys(given)), {
    ...given,
    listen_addresses: "127.0.0.1",
    port: String(cluster.port),
  });
});

Deno.test("PostgresCluster.start() reports what the server says about a bad setting", async () => {
  await assertRejects(
    () => PostgresCluster.start({ settings: { max_prepared_transactions: "many" } }),
    Error,
    'invalid value for parameter "max_prepared_transactions"',
  );
});

Deno.test("PostgresCluster.url() names a database and a user", async () => {
  await using cluster = await PostgresCluster.start();
  {
    await using sql = connect(cluster.url());
    await sql`CREATE DATABASE accounts`;
    await sql`CREATE ROLE teller LOGIN`;
  }
  await using sql = connect(cluster.url("accounts", "teller"));
  const [row] = await sql`SELECT current_database() AS database, current_user AS name`;
  assertEquals(row, { database: "accounts", name: "teller" });
});

Deno.test("PostgresCluster.restart() and .stop() keep port and prepared transactions", async () => {
  await using cluster = await PostgresCluster.start();
  const { port } = cluster;
  await prepare(cluster, "kept");
  await cluster.restart();
  assertEquals(await preparedGids(cluster), ["kept"]);
  await cluster.stop("immediate");
  assertEquals(cluster.postmaster, undefined);
  await assertRejects(() => preparedGids(cluster), Error, "ECONNREFUSED");
  await cluster.start();
  assertEquals(await preparedGids(cluster), ["kept"]);
  assertEquals(cluster.port, port);
});

Deno.test("PostgresCluster.kill() ends every process, and start() recovers", async () => {
  await using cluster = await PostgresCluster.start();
  const postmaster = cluster.postmaster;
  for (const gid of ["first", "second", "third"]) {
    await prepare(cluster, gid);
    const before = listProcesses().filter(({ parent }) => parent === cluster.postmaster);
    assert(before.length > 3, "the server should have had children");
    await cluster.kill();
    const running = listProcesses().filter(({ state }) => state !== "Z").map(({ pid }) => pid);
    assertEquals(before.filter(({ pid }) => running.includes(pid)), []);
    assertEquals(cluster.postmaster, undefined);
    await cluster.start();
  }
  assert(cluster.postmaster !== postmaster, "another server should run");
  assertEquals(await preparedGids(cluster), ["first", "second", "third"]);
});

Deno.test("PostgresCluster refuses what does not fit its state", async () => {
  await using cluster = await PostgresCluster.start();
  await assertRejects(() => cluster.start(), Error, "Cannot start PostgreSQL on port");
  await cluster.stop();
  await assertRejects(() => cluster.stop(), Error, "Cannot stop PostgreSQL on port");
  await assertRejects(() => cluster.kill(), Error, "Cannot kill PostgreSQL on port");
});

Deno.test("PostgresCluster leaves nothing behind, running, stopped or killed", async () => {
  for (const state of ["running", "stopped", "killed"]) {
    const cluster = await PostgresCluster.start();
    const segment = sharedMemory(cluster);
    assert(segment !== undefined && sharedMemoryIds().includes(segment));
    if (state === "stopped") await cluster.stop();
    if (state === "killed") await cluster.kill();
    await cluster[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose](); // a second time changes nothing
    assertEquals(exists(cluster.dataFolder), false, state);
    const left = listProcesses().filter(({ command }) => command.includes(cluster.dataFolder));
    assertEquals(left, [], state);
    assertEquals(sharedMemoryIds().includes(segment), false, state);
  }
});

Deno.test("PostgresCluster leaves nothing behind when its process is killed", async () => {
  await using folder = await openFolder();
  const owner = spawnOwner(folder.path);
  const [postmaster, dataFolder] = JSON.parse(await firstLine(owner.stdout));
  const children = listProcesses().filter(({ parent }) => parent === postmaster);
  assert(exists(dataFolder) && children.length > 3, "the server should have run");
  owner.kill("SIGKILL");
  await owner.status;
  await waitUntil(() => leftovers(folder.path).length === 0, 15_000);
  assertEquals(leftovers(folder.path), []);
  const running = listProcesses().filter(({ state }) => state !== "Z").map(({ pid }) => pid);
  assertEquals(children.filter(({ pid }) => running.includes(pid)), []);
});

Deno.test("PostgresCluster leaves nothing behind when its process is killed early", async () => {
  for (const stage of ["initdb", "pg_ctl"]) {
    await using folder = await openFolder();
    const owner = spawnOwner(folder.path);
    const started = () => leftovers(folder.path).some((name) => name.includes(stage));
    assert(await waitUntil(started, 30_000), `${stage} should have been seen`);
    owner.kill("SIGKILL");
    await owner.stdout.cancel();
    await owner.status;
    await waitUntil(() => leftovers(folder.path).length === 0, 15_000);
    assertEquals(leftovers(folder.path), [], stage);
  }
});
