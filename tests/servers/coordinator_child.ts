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

/** What the process shall do. */
export interface ChildTask {
  /** The log directory. */
  readonly directory: string;
  /** The two databases. */
  readonly orders: string;
  readonly billing: string;
  /** Kills itself with SIGKILL when a transaction gets there. */
  readonly killAt?: ProtocolPoint;
  /** What the second database never gets to see, so that only the first one has done it. */
  readonly withhold?: "prepare" | "commitPrepared" | "recovery";
  /** As the coordinator's option. */
  readonly forceBegin?: boolean;
  /** Entries to write to both databases, one transaction each. */
  readonly ids: readonly string[];
}

/** A line for the test; its system call is over when this returns. */
function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
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

async function main(task: ChildTask): Promise<void> {
  const connect = (url: string) =>
    driver(url, { max: 2, onnotice: () => {}, connection: { application_name: "child" } });
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
      // The signal ends the process before this returns.
      if (point === task.killAt) Deno.kill(Deno.pid, "SIGKILL");
    },
  });
  say("open");
  for (const id of task.ids) {
    say(`begin ${id}`);
    await coordinator.transaction(
      ["orders", "billing"],
      async ({ orders, billing }, { id: txn }) => {
        say(`transaction ${txn}`);
        await orders`INSERT INTO entry VALUES (${id}, 1)`;
        await billing`INSERT INTO entry VALUES (${id}, 1)`;
        say("written");
      },
    );
    say(`committed ${id}`);
  }
  say("waiting");
}

if (import.meta.main) {
  main(JSON.parse(Deno.args[0]!)).catch((error) => {
    console.error(error);
    Deno.exit(1);
  });
  for await (const _ of Deno.stdin.readable);
  Deno.exit(0);
}
