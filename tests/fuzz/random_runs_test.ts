/**
 * Proves that the log keeps its promises in runs that nobody thought of. A run that fails says its
 * seed, and INDOUBT_SEED=n runs it again; `deno task simulate --of log` runs any number.
 */

import { seededTest } from "../simulation/seeds.ts";
import { randomRun } from "./random_run.ts";

seededTest("Log keeps its promises in 10,000 random runs", 10_000, randomRun);
