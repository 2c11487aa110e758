import { Coordinator } from "../mod.ts";
import { denoPlatform } from "../src/platform/platform.ts";
import { NoOpParticipant } from "./load/no_op_participant.ts";
import { memoryFileSystem } from "./memory_file_system.ts";
import process from "node:process";
const callers = Number(Deno.args[0] ?? 128), total = Number(Deno.args[1] ?? 400000);
const disk = Deno.args[2] === "disk";
const dir = disk ? Deno.makeTempDirSync() : "memory";
const coordinator = await Coordinator.open({
  directory: dir, context: { run: (_s: unknown, f: () => unknown) => f(), getStore: () => undefined } as never,
  participants: { orders: new NoOpParticipant("1"), billing: new NoOpParticipant("2") },
  platform: disk ? denoPlatform : { ...denoPlatform, fileSystem: memoryFileSystem },
});
const names = ["orders", "billing"] as const;
const nothing = () => {};
async function round(n: number) {
  let left = n;
  const work = async () => { while (left-- > 0) await coordinator.transaction(names, nothing); };
  await Promise.all(Array.from({ length: callers }, work));
}
await round(total / 4);
const out: string[] = [];
for (let i = 0; i < 12; i++) {
  const c0 = process.cpuUsage(), t0 = performance.now();
  await round(total / 4);
  const t = performance.now() - t0, c = process.cpuUsage(c0);
  out.push(`${(t / total * 4 * 1000).toFixed(2)} wall ${((c.user + c.system) / total * 4).toFixed(2)} cpu`);
}
console.log(callers, out.join(" | "));
await coordinator.close();
if (disk) Deno.removeSync(dir, { recursive: true });
