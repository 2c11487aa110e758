/**
 * The demonstration on two real PostgreSQL servers, which are made for it and gone after it.
 *
 *     deno run -A tasks/demo_on_postgresql.ts [--json] [further options of the demonstration]
 *
 * @module
 */

import { PostgresCluster } from "../tests/servers/cluster.ts";
import { deno } from "./project.ts";

await using first = await PostgresCluster.start();
await using second = await PostgresCluster.start();
const servers = ["--postgres", first.url(), "--postgres", second.url()];
Deno.exitCode = await deno(["task", "demo", ...Deno.args, ...servers]);
