/**
 * The Debian packages that the tests need: present afterwards, and without a server that their
 * installation started.
 *
 * @module
 */

import { FAIL, PASS } from "./count.ts";
import type { Runner } from "./runner.ts";
import type { Step } from "./steps.ts";

const PACKAGES = [
  "e2fsprogs",
  "mariadb-server",
  "postgresql",
  "postgresql-contrib",
  "strace",
  "xfsprogs",
];

/** While this file says so, the installation of a package starts no service. */
const POLICY = "/usr/sbin/policy-rc.d";

/** Installs those of the packages that are missing. */
export const debianPackages: Step = {
  title: `Debian's packages ${PACKAGES.join(", ")}`,
  run: async (runner) => {
    const missing = await missingPackages();
    if (missing.length === 0) {
      runner.say("All are there");
      return PASS;
    }
    runner.say(`Missing: ${missing.join(", ")}`);
    const withdraw = await forbidServices();
    try {
      await apt(runner, "update");
      await apt(runner, "install", "-y", "--no-install-recommends", ...missing);
    } finally {
      await withdraw();
    }
    const still = await missingPackages();
    if (still.length > 0) runner.fail(`${still.join(", ")} could not be installed`);
    return still.length === 0 ? PASS : FAIL;
  },
};

async function missingPackages(): Promise<string[]> {
  const states = await Promise.all(PACKAGES.map(async (name) => {
    const { stdout } = await new Deno.Command("dpkg-query", {
      args: ["-W", "-f", "${db:Status-Status}", name],
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout) === "installed" ? [] : [name];
  }));
  return states.flat();
}

async function forbidServices(): Promise<() => Promise<void>> {
  try {
    await Deno.writeTextFile(POLICY, "#!/bin/sh\nexit 101\n", { createNew: true, mode: 0o755 });
  } catch (error) {
    // The machine has a policy of its own.
    if (error instanceof Deno.errors.AlreadyExists) return () => Promise.resolve();
    throw error;
  }
  return () => Deno.remove(POLICY);
}

async function apt(runner: Runner, ...args: string[]): Promise<void> {
  const options = ["-q", "-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Use-Pty=0"];
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const { code } = await runner.run(["apt-get", ...options, ...args], env);
  if (code !== 0) throw new Error(`Cannot install packages: apt-get ended with code ${code}`);
}
