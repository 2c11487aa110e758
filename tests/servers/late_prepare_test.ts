/**
 * A PREPARE that takes effect after everybody has given it up: its server was busy with it, or the
 * network was, while the coordinator's patience ended or its process did. In the end it is rolled
 * back, and until then nobody takes "there is no such transaction" for the last word.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { TransactionAbortedError } from "../../mod.ts";
import { sqlStateOf } from "../../src/participants/postgresql/answers.ts";
import { Child } from "./child.ts";
import { bothClusters } from "./both_clusters.ts";
import { connectAdmin, sessions, soon, until, untilGone } from "./databases.ts";
import { ProxiedDatabases } from "./proxied_databases.ts";
import { Gate } from "./proxy/gate.ts";
import { first } from "./proxy/rules.ts";
import { type Opened, writeBoth } from "./two_databases.ts";

const STANDBY = "nobody";

const clusters = bothClusters({
  // A session that sets synchronous_commit waits for a standby that never comes.
  synchronous_standby_names: STANDBY,
  synchronous_commit: "local",
});

Deno.test.beforeAll(async () => {
  await using admin = connectAdmin(clusters.billing, "billing");
  // PREPARE waits as long as somebody holds the lock alone; nothing is visible of it until then. Or
  // it waits for the standby, and is visible.
  await admin.unsafe(`
    CREATE TABLE durability (setting text);
    INSERT INTO durability VALUES ('local');
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_advisory_xact_lock_shared(7);
      PERFORM set_config('synchronous_commit', setting, true) FROM durability;
      RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER late AFTER INSERT ON entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait();
  `);
});

/** A way in which a PREPARE of "billing" is late. */
interface Delay {
  readonly how: string;
  /** Whether the transaction can be seen as prepared meanwhile. */
  readonly visible: boolean;
  /** Lets PREPAREs of the application `name` be late; gives how to see it and how to end it. */
  begin(proxied: ProxiedDatabases, name: string): Promise<Late>;
}

interface Late {
  /** A PREPARE is on its way, and does not arrive. */
  readonly late: () => Promise<boolean>;
  /** Lets it arrive. */
  readonly end: () => Promise<void>;
}

async function waitsFor(event: string, name: string): Promise<boolean> {
  await using admin = connectAdmin(clusters.billing, "billing");
  return (await sessions(admin, name)).includes(event);
}

const DELAYS: readonly Delay[] = [
  {
    how: "waits for a lock",
    visible: false,
    async begin(_, name) {
      const locker = connectAdmin(clusters.billing, "billing");
      await locker`SELECT pg_advisory_lock(7)`;
      return {
        late: () => waitsFor("Lock/advisory", name),
        end: async () => await locker[Symbol.asyncDispose](),
      };
    },
  },
  {
    how: "waits for a standby",
    visible: true,
    async begin(_, name) {
      await setStandby(STANDBY);
      return {
        late: () => waitsFor("IPC/SyncRep", name),
        end: () => setStandby(""),
      };
    },
  },
  {
    how: "is held up by the network",
    visible: false,
    begin({ proxies: { billing } }) {
      const gate = new Gate();
      let reached = false;
      void gate.reached.then(() => reached = true);
      billing.rule = first(/PREPARE TRANSACTION/, { delay: gate });
      return Promise.resolve({
        late: () => Promise.resolve(reached),
        end: () => Promise.resolve(gate.open()),
      });
    },
  },
];

/** Whom PREPARE waits for; nobody is nobody to wait for. */
async function setStandby(name: string): Promise<void> {
  await using admin = connectAdmin(clusters.billing, "billing");
  await admin`UPDATE durability SET setting = ${name === "" ? "local" : "on"}`;
  await admin.unsafe(`ALTER SYSTEM SET synchronous_standby_names = '${name}'`);
  await admin`SELECT pg_reload_conf()`;
  await until("the setting is read", async () => {
    await using fresh = connectAdmin(clusters.billing);
    const [row] = await fresh`SELECT current_setting('synchronous_standby_names') AS name`;
    return row?.name === name;
  });
}

/** What the coordinator was told about a branch that it could not end yet. */
function delays({ events }: Opened): (string | null)[] {
  return events
    .filter((event) => event.type === "branch-delayed")
    .map(({ error }) => sqlStateOf(error));
}

/** The sweep looks often, but sees a PREPARE only when the test has. */
async function landAndSweep(
  proxied: ProxiedDatabases,
  late: Late,
  opened: Opened,
): Promise<void> {
  const { both, proxies } = proxied;
  const sweeps = new Gate();
  proxies.billing.rule = ({ text }) =>
    text.includes("pg_prepared_xacts") ? { delay: sweeps } : "pass";
  await soon("a sweep is held up", sweeps.reached);
  await late.end();
  await until("PREPARE has landed", async () => (await both.branches()).length === 1);
  sweeps.open();
  proxied.pass();
  await until("the sweep has ended it", async () => (await both.branches()).length === 0);
  await until("nothing is unsettled", () => opened.coordinator.unsettled === 0);
}

/** What the model did wrong here. */
function defect(visible: boolean): string {
  return visible
    ? "D29 a name that its server was busy with was retried without a pause: here later and later"
    : "D28 a PREPARE that landed late was an orphan that nobody knew: here it is found and ended";
}

for (const { how, visible, begin } of DELAYS) {
  Deno.test(`${defect(visible)}, when PREPARE ${how} and time is up`, async () => {
    await using proxied = await ProxiedDatabases.connect(clusters);
    const { both } = proxied;
    const late = await begin(proxied, "proxied billing");
    try {
      await using opened = await proxied.open({ prepareTimeout: 300, sweepInterval: 50 });
      await both.addBystanders(opened.coordinator.id);
      const error = await assertRejects(
        () => soon("the transaction ends", writeBoth(opened, "late")),
        TransactionAbortedError,
      );
      assertEquals([error.participant, error.retryable], ["billing", true]);
      assert(await late.late(), "PREPARE is on its way");
      if (visible) {
        // 55000: the session that prepares it has not let go of it.
        await until("the server says it is busy", () => delays(opened).includes("55000"));
        assertEquals((await both.branches()).length, 1);
        await late.end();
        await until("it is settled", () => opened.coordinator.unsettled === 0);
      } else await landAndSweep(proxied, late, opened);
      await both.assertBoth();
      await both.commitBystanders();
    } finally {
      await late.end();
    }
    await using again = await both.open();
    await writeBoth(again, "next");
    await both.assertBoth("next");
  });

  Deno.test(`${defect(visible)}, when PREPARE ${how} and its process was killed`, async () => {
    await using proxied = await ProxiedDatabases.connect(clusters);
    const { both } = proxied;
    const { directory } = both;
    const late = await begin(proxied, "child");
    try {
      const urls = { orders: proxied.url("orders"), billing: proxied.url("billing") };
      await using child = new Child({ directory, ...urls, ids: ["late"] });
      const transaction = await child.heard("transaction");
      await until("PREPARE is late", late.late);
      await until("orders has prepared", async () => {
        return (await both.branches()).some((gid) => gid.endsWith("_0"));
      });
      await child.kill();

      await using opened = await proxied.open({ sweepInterval: 50 });
      const { committed, rolledBack, pending } = opened.coordinator.recovery;
      if (visible) {
        assertEquals([committed, rolledBack, pending], [[], [], [transaction]]);
        await until("the server says it is busy", () => delays(opened).includes("55000"));
        await late.end();
        await until("it is settled", () => opened.coordinator.unsettled === 0);
      } else {
        assertEquals([committed, rolledBack, pending], [[], [transaction], []]);
        await landAndSweep(proxied, late, opened);
      }
      await both.assertBoth();
      await writeBoth(opened, "next");
      await both.assertBoth("next");
    } finally {
      await late.end();
    }
    await using admin = connectAdmin(clusters.billing);
    await untilGone(admin, "child");
  });
}
