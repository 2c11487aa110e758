/**
 * Guarantees that `deno.jsr.json` is `deno.json` without the stand-ins, and that with it the same
 * imports are taken from the registry: here one in a folder, made of nothing but the stand-ins.
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

interface Member {
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly imports?: Readonly<Record<string, string>>;
}

function readJson<Content>(path: string): Content {
  return JSON.parse(Deno.readTextFileSync(path)) as Content;
}

function write(path: string, content: string): void {
  Deno.mkdirSync(dirname(path), { recursive: true });
  Deno.writeTextFileSync(path, content);
}

/** Lays one stand-in out as the registry does, with its npm imports written in full. */
function register(registry: string, name: string): void {
  const folder = join(root, "stand_ins", name);
  const member = readJson<Member>(join(folder, "deno.json"));
  const scoped = join(registry, "@std", name);
  const manifest: Record<string, { readonly size: number; readonly checksum: string }> = {};
  for (const { name: file } of Deno.readDirSync(folder)) {
    if (!file.endsWith(".ts")) continue;
    let source = Deno.readTextFileSync(join(folder, file));
    for (const [bare, full] of Object.entries(member.imports ?? {})) {
      source = source.replaceAll(`from "${bare}"`, `from "${full}"`);
    }
    write(join(scoped, member.version, file), source);
    const checksum = `sha256-${createHash("sha256").update(source).digest("hex")}`;
    manifest[`/${file}`] = { size: new TextEncoder().encode(source).length, checksum };
  }
  const { version, exports } = member;
  const versions = { [version]: {} };
  write(join(scoped, `${version}_meta.json`), JSON.stringify({ manifest, exports }));
  write(
    join(scoped, "meta.json"),
    JSON.stringify({ scope: "std", name, latest: version, versions }),
  );
}

const probe = `
import { assertEquals, assertThrows } from "@std/assert";
import { existsSync } from "@std/fs/exists";
import { decode, encode } from "@std/msgpack";

Deno.test("probe", () => {
  assertEquals(decode(encode({ txn: 1n })), { txn: 1n });
  assertThrows(() => decode(new Uint8Array()), EvalError);
  assertEquals(existsSync("stand_ins"), false);
  console.log(import.meta.resolve("@std/msgpack"));
});
`;

Deno.test("deno.jsr.json is deno.json without the stand-ins and with a lock of its own", () => {
  const { workspace, ...expected } = readJson<Record<string, unknown>>(join(root, "deno.json"));
  const { lock, ...actual } = readJson<Record<string, unknown>>(join(root, "deno.jsr.json"));
  deepStrictEqual(workspace, ["./stand_ins/*"]);
  deepStrictEqual(lock, { path: "./deno.jsr.lock" });
  deepStrictEqual(actual, expected);
});

Deno.test("deno.jsr.json takes @std from the registry", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const { name, isDirectory } of Deno.readDirSync(join(root, "stand_ins"))) {
      if (isDirectory) register(join(folder, "registry"), name);
    }
    Deno.copyFileSync(join(root, "deno.jsr.json"), join(folder, "deno.jsr.json"));
    write(join(folder, "probe_test.ts"), probe);
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "-c", "deno.jsr.json", "probe_test.ts"],
      cwd: folder,
      env: { JSR_URL: pathToFileURL(join(folder, "registry")).href, NO_COLOR: "1" },
    }).output();
    const output = new TextDecoder().decode(stdout);
    ok(success, output + new TextDecoder().decode(stderr));
    ok(output.includes("/registry/@std/msgpack/"), output);
    const locked = readJson<{ readonly jsr: Readonly<Record<string, unknown>> }>(
      join(folder, "deno.jsr.lock"),
    );
    strictEqual(Object.keys(locked.jsr).length, 3);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
