/**
 * A server for each of the two databases, for all tests of a file.
 *
 * @module
 */

import { PostgresCluster } from "./cluster.ts";
import { createDatabases } from "./databases.ts";
import type { Name } from "./two_databases.ts";

/**
 * Registers their start, with a database each, and their end; they are there when a test runs.
 *
 * @param settings Of both servers, besides those for speed.
 */
export function bothClusters(
  settings: Readonly<Record<string, string>> = {},
): Readonly<Record<Name, PostgresCluster>> {
  const clusters: Partial<Record<Name, PostgresCluster>> = {};
  Deno.test.beforeAll(async () => {
    for (const name of ["orders", "billing"] as const) {
      const cluster = await PostgresCluster.start({ settings: { fsync: "off", ...settings } });
      clusters[name] = cluster;
      await createDatabases(cluster, name);
    }
  });
  Deno.test.afterAll(async () => {
    for (const cluster of Object.values(clusters)) await cluster[Symbol.asyncDispose]();
  });
  return clusters as Record<Name, PostgresCluster>;
}
