/**
 * A service that ends in order when it is asked to. On the first SIGTERM it takes no new request, lets
 * transactions under way end, for ten seconds at most, and says what it leaves to its next start. On the
 * second it ends at once: the log knows what was decided, so that even this loses nothing.
 *
 * The library sets up no signal handler by itself; what a signal means is the application's to say.
 *
 *     ORDERS_URL=postgres://… BILLING_URL=postgres://… LOG_DIRECTORY=./indoubt \
 *       deno run -A examples/sigterm/main.ts
 *     curl -X POST http://127.0.0.1:8000/A1
 *
 * @module
 */

import postgresDriver from "postgres";
import { Coordinator } from "../../mod.ts";
import { postgres } from "../../src/participants/postgresql/postgres.ts";

/** How long transactions under way may take after the signal, unless CLOSE_TIMEOUT says otherwise. */
const CLOSE_TIMEOUT_MS = 10_000;

/** What a shell says of a process that SIGTERM has ended: 128 and the signal's number. */
const ENDED_BY_SIGTERM = 143;

function setting(name: string, fallback?: string): string {
  const value = Deno.env.get(name) ?? fallback;
  if (value === undefined) {
    throw new TypeError(`Cannot start: ${name} is not set, see examples/sigterm/main.ts`);
  }
  return value;
}

/** The driver would wait longer with each lost connection: up to 20 s, also when the server is back. */
const pool = { max: 20, backoff: () => 0.2 };
const clients = {
  orders: postgresDriver(setting("ORDERS_URL"), pool),
  billing: postgresDriver(setting("BILLING_URL"), pool),
};
const coordinator = await Coordinator.open({
  directory: setting("LOG_DIRECTORY"),
  participants: { orders: postgres(clients.orders), billing: postgres(clients.billing) },
  closeTimeout: Number(setting("CLOSE_TIMEOUT", String(CLOSE_TIMEOUT_MS))),
});

/** Takes an order: `POST /<sku>`. */
async function answer(request: Request): Promise<Response> {
  const sku = decodeURIComponent(new URL(request.url).pathname.slice(1));
  if (request.method !== "POST" || sku === "") {
    return new Response("POST /<sku>\n", { status: 404 });
  }
  await coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
    await orders`INSERT INTO orders (sku) VALUES (${sku})`;
    await billing`INSERT INTO charges (sku, cents) VALUES (${sku}, 999)`;
  });
  return new Response("ordered\n");
}

const server = Deno.serve({
  hostname: "127.0.0.1",
  port: Number(setting("PORT", "8000")),
  onListen: ({ port }) => console.log(`listening on ${port}`),
  onError: (error) => {
    console.error(error);
    return new Response("not ordered\n", { status: 503 });
  },
}, answer);

/** Ends in order. */
async function drain(): Promise<never> {
  const served = server.shutdown();
  console.log("draining");
  const { unfinished, inDoubt } = await coordinator.close();
  console.log(`left to the next start: ${unfinished.length} running, ${inDoubt.length} in doubt`);
  // Their answers are on the way, except where a transaction hangs.
  if (unfinished.length === 0) await served;
  await Promise.all(Object.values(clients).map((sql) => sql.end({ timeout: 5 })));
  Deno.exit(0);
}

let asked = false;
Deno.addSignalListener("SIGTERM", () => {
  if (asked) Deno.exit(ENDED_BY_SIGTERM);
  asked = true;
  void drain();
});
