/**
 * What tests of whole coordinators start from: "orders" and "billing" on real servers, clients for
 * both, a log directory of its own, and the question that everything comes down to: is it in both
 * databases or in neither?
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type driver from "postgres";
import {
  Coordinator,
  type CoordinatorEvent,
  type CoordinatorOptions,
  type ProtocolPoint,
} from "../../mod.ts";
import { postgres, type PostgresParticipant } from "../../src/participants/postgresql/postgres.ts";
import { Bystanders } from "./bystanders.ts";
import type { PostgresCluster } from "./cluster.ts";
import { connect, preparedGids, type TestSql } from "./databases.ts";

/** Names of the two. */
export type Name = "orders" | "billing";

/** The two participants. */
export type Both = Readonly<Record<Name, PostgresParticipant<driver.ReservedSql>>>;

/** A coordinator, with all that it has reported. */
export interface Opened extends AsyncDisposable {
  readonly coordinator: Coordinator<Both>;
  readonly events: readonly CoordinatorEvent[];
  readonly points: readonly ProtocolPoint[];
}

/** Two databases, their clients, and a log directory. */
export class TwoDatabases implements AsyncDisposable {
  readonly #clusters: Readonly<Record<Name, PostgresCluster>>;
  #bystanders: readonly Bystanders[] = [];

  /** The log directory. */
  readonly directory: string;
  /** A client for each database, as an application has it. */
  readonly clients: Readonly<Record<Name, TestSql>>;

  private constructor(
    clusters: Readonly<Record<Name, PostgresCluster>>,
    directory: string,
    clients: Record<Name, TestSql>,
  ) {
    this.#clusters = clusters;
    this.directory = directory;
    this.clients = clients;
  }

  /** Connects to databases that exist, and empties them. */
  static async connect(
    clusters: Readonly<Record<Name, PostgresCluster>>,
    max = 4,
  ): Promise<TwoDatabases> {
    const client = (name: Name) =>
      connect(clusters[name].url(name), `app ${name}`, { max, backoff: () => 0.05 });
    const clients = { orders: client("orders"), billing: client("billing") };
    const databases = new TwoDatabases(
      clusters,
      await Deno.makeTempDir({ prefix: "indoubt_servers_test_" }),
      clients,
    );
    await databases.#empty();
    return databases;
  }

  /** Opens a coordinator on the directory. */
  async open(options: Partial<CoordinatorOptions<Both>> = {}): Promise<Opened> {
    const events: CoordinatorEvent[] = [];
    const points: ProtocolPoint[] = [];
    const coordinator = await Coordinator.open<Both>({
      directory: this.directory,
      participants: {
        orders: postgres(this.clients.orders),
        billing: postgres(this.clients.billing),
      },
      onEvent: (event) => events.push(event),
      settleTimeout: 2_000,
      ...options,
      onProtocolPoint: (point, id) => {
        points.push(point);
        options.onProtocolPoint?.(point, id);
      },
    });
    return {
      coordinator,
      events,
      points,
      [Symbol.asyncDispose]: () => coordinator[Symbol.asyncDispose](),
    };
  }

  /** Which entries a database holds. */
  async entries(name: Name): Promise<string[]> {
    const rows = await this.clients[name]`SELECT id FROM entry ORDER BY id`;
    return rows.map(({ id }) => id as string);
  }

  /** Sees that both databases hold these entries and no others, and nothing prepared. */
  async assertBoth(...expected: string[]): Promise<void> {
    assertEquals(await this.entries("orders"), expected);
    assertEquals(await this.entries("billing"), expected);
    await this.assertNothingPrepared();
  }

  /** Sees that no server holds anything prepared but the bystanders' transactions. */
  async assertNothingPrepared(): Promise<void> {
    const prepared = new Set<string>();
    for (const sql of Object.values(this.clients)) {
      for (const gid of await preparedGids(sql)) prepared.add(gid);
    }
    assertEquals([...prepared].sort(), this.#bystandersGids().sort());
  }

  /** Which branches of coordinators the servers hold prepared. */
  async branches(): Promise<string[]> {
    const others = this.#bystandersGids();
    const found = new Set<string>();
    for (const sql of Object.values(this.clients)) {
      for (const gid of await preparedGids(sql)) if (!others.includes(gid)) found.add(gid);
    }
    return [...found];
  }

  /** Prepares what is none of a coordinator's business; it is looked for at every later check. */
  async addBystanders(coordinator: string): Promise<void> {
    this.#bystanders = [
      await Bystanders.prepare(this.#clusters.orders, "orders", coordinator),
      await Bystanders.prepare(this.#clusters.billing, "billing", coordinator),
    ];
  }

  /** Commits the bystanders' transactions, all of which must be as they were. */
  async commitBystanders(): Promise<void> {
    for (const bystanders of this.#bystanders) await bystanders.commit();
    this.#bystanders = [];
  }

  /** Ends the clients and removes the directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const sql of Object.values(this.clients)) await sql[Symbol.asyncDispose]();
    await Deno.remove(this.directory, { recursive: true });
  }

  #bystandersGids(): string[] {
    return [...new Set(this.#bystanders.flatMap(({ gids }) => gids))];
  }

  async #empty(): Promise<void> {
    for (const sql of Object.values(this.clients)) {
      const rows = await sql`
        SELECT quote_literal(gid) AS gid FROM pg_prepared_xacts WHERE database = current_database()
      `;
      for (const { gid } of rows) await sql.unsafe(`ROLLBACK PREPARED ${gid}`);
      await sql`TRUNCATE entry`;
    }
  }
}

/** Writes an entry to both databases in one transaction. */
export function writeBoth({ coordinator }: Opened, id: string): Promise<void> {
  return coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
    await orders`INSERT INTO entry VALUES (${id}, 1)`;
    await billing`INSERT INTO entry VALUES (${id}, 1)`;
  });
}
