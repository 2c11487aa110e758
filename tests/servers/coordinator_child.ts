/**
 * A coordinator in a process of its own, to be killed or looked at from outside. It gets what it
 * shall do as one JSON argument, says on its standard output how far it is, one line at a time, and
 * ends when its standard input does, so that it never outlives the test that started it.
 *
 * @module
 */

import driver from "postgres";
import { Coordinator, type Participant, type ProtocolPoint } from "../../mod.ts";
import { postgres } from "../../src/participants/postgresql/postgres.ts";
import { type DiskCall, watchedPlatform } from "./watched_platform.ts";

/** A place in the process's life, from which calls to the disk are counted. */
export type Mark =
  | ProtocolPoint
  /** From its very beginning. */
  | "start"
  /** The application has written to both databases. */
  | "written"
  /** The log begins another segment, after it was opened. */
  | "rotation";

/** A call to the disk at which the process kills itself, before the call is made. */
export interface DiskCrash {
  /** Where counting begins. */
  readonly from: Mark;
  /** The only call that counts, or all that change something; every one unless given. */
  readonly call?: DiskCall["name"] | "change";
  /** Which one, from 1. */
  readonly nth: number;
}

/** What the process shall do. */
export interface ChildTask {
  /** The log directory. */
  readonly directory: string;
  /** The two databases. */
  readonly orders: string;
  readonly billing: string;
  /** Kills itself with SIGKILL when a transaction gets there. */
  readonly killAt?: ProtocolPoint | "written";
  /** Kills itself with SIGKILL at a call to the disk. */
  readonly crash?: DiskCrash;
  /** What makes the log begin another segment while transactions decide. */
  readonly rotation?: "a failed sync" | "its age";
  /** What the second database never gets to see, so that only the first one has done it. */
  readonly withhold?: "prepare" | "commitPrepared" | "recovery";
  /** As the coordinator's option. */
  readonly forceBegin?: boolean;
  /** Entries to write to both databases, one transaction each. */
  readonly ids: readonly string[];
  /** How many transactions run at once; one unless given. */
  readonly callers?: number;
}

/** Calls after which the disk is as before. */
const LOOKS: readonly DiskCall["name"][] = [
  "read",
  "size",
  "list",
  "open",
  "identify",
  "tryLock",
  "tryShare",
];

/** A segment of this length is worth a checkpoint when a minute is over. */
const CHECKPOINT_BYTES = 65_536;
const CHECKPOINT_MS = 60_000;

/** A line for the test; its system call is over when this returns. */
function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** The signal ends the process before this returns. */
function die(): void {
  Deno.kill(Deno.pid, "SIGKILL");
}

/** Takes one step out of every branch, or settling from outside of them out of the participant. */
function withholding<Client>(
  participant: Participant<Client>,
  step: NonNullable<ChildTask["withhold"]>,
): Participant<Client> {
  const never = () => new Promise<never>(() => {});
  if (step === "recovery") {
    return { ...participant, commitPrepared: never, rollbackPrepared: never };
  }
  return {
    ...participant,
    acquire: async () => Object.assign(await participant.acquire(), { [step]: never }),
  };
}

/** What happens to the process's disk. */
class Fate {
  readonly #task: ChildTask;
  readonly #marks = new Set<Mark>(["start"]);
  #calls = 0;
  #written = 0;
  #failed = false;
  #renamed = false;

  constructor(task: ChildTask) {
    this.#task = task;
  }

  /** How far the clock is ahead: once there is enough to restate, a minute is over. */
  get ahead(): number {
    const aged = this.#task.rotation === "its age" && this.#written > CHECKPOINT_BYTES;
    return aged ? CHECKPOINT_MS : 0;
  }

  /** The process gets to a place. */
  reach(mark: Mark): void {
    this.#marks.add(mark);
    if (mark === this.#task.killAt) die();
  }

  /** A call is about to be made. */
  watch({ name, path, bytes }: DiskCall): void {
    const { crash, rotation } = this.#task;
    if (name === "open" && this.#marks.has("written")) this.reach("rotation");
    if (crash !== undefined && this.#marks.has(crash.from)) {
      if (this.#counts(crash, name)) this.#calls++;
      if (this.#calls === crash.nth) {
        say(`dies before ${name} ${path.slice(this.#task.directory.length + 1)}`);
        die();
      }
    }
    if (name === "rename" && this.#marks.has("rotation")) this.#renamed = true;
    this.#written += bytes;
    if (rotation !== "a failed sync" || this.#failed || name !== "syncData") return;
    if (!this.#marks.has("first-committed")) return;
    this.#failed = true;
    throw new Error("Cannot sync: input/output error");
  }

  #counts({ call, from }: DiskCrash, name: DiskCall["name"]): boolean {
    if (call === "change") return !LOOKS.includes(name);
    if (call !== undefined) return call === name;
    // Once the new segment has its name, decisions are written to it; those are counted elsewhere.
    return from !== "rotation" || !this.#renamed || !["write", "syncData"].includes(name);
  }
}

async function main(task: ChildTask): Promise<void> {
  const fate = new Fate(task);
  const { callers = 1 } = task;
  const connect = (url: string) =>
    driver(url, {
      max: callers + 1,
      onnotice: () => {},
      connection: { application_name: "child" },
    });
  const billing = postgres(connect(task.billing));
  const coordinator = await Coordinator.open({
    directory: task.directory,
    participants: {
      orders: postgres(connect(task.orders)),
      billing: task.withhold === undefined ? billing : withholding(billing, task.withhold),
    },
    forceBegin: task.forceBegin ?? false,
    onProtocolPoint: (point) => {
      say(point);
      fate.reach(point);
    },
    onEvent: () => {},
    platform: watchedPlatform((call) => fate.watch(call), () => fate.ahead),
  });
  say("open");
  const left = [...task.ids];
  const write = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) {
      await writeBoth(coordinator, id, fate);
    }
  };
  await Promise.all(Array.from({ length: callers }, write));
  say("waiting");
}

type Participants = Record<"orders" | "billing", ReturnType<typeof postgres<driver.ReservedSql>>>;

async function writeBoth(
  coordinator: Coordinator<Participants>,
  id: string,
  fate: Fate,
): Promise<void> {
  say(`begin ${id}`);
  await coordinator.transaction(
    ["orders", "billing"],
    async ({ orders, billing }, { id: txn }) => {
      say(`transaction ${txn}`);
      await orders`INSERT INTO entry VALUES (${id}, 1)`;
      await billing`INSERT INTO entry VALUES (${id}, 1)`;
      say("written");
      fate.reach("written");
    },
  );
  say(`committed ${id}`);
}

if (import.meta.main) {
  main(JSON.parse(Deno.args[0]!)).catch((error) => {
    console.error(error);
    Deno.exit(1);
  });
  for await (const _ of Deno.stdin.readable);
  Deno.exit(0);
}
