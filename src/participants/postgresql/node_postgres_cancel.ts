/**
 * Cancels the statement under way on a client of node-postgres, over a connection of its own, with the
 * driver's own `cancel`.
 *
 * @module
 */

/** What the driver's clients have for this, beyond what it documents. */
interface CancellableClient {
  readonly host?: string;
  readonly port?: number;
  readonly processID?: number | null;
  readonly secretKey?: unknown;
  readonly constructor: new (options: object) => Canceller;
}

interface Canceller {
  readonly connection: {
    once(event: "end" | "error", listener: () => void): unknown;
    on(event: "error", listener: () => void): unknown;
  };
  cancel(target: object, query: object): void;
}

/**
 * Asks the server to stop what a client is waiting for.
 *
 * @param client The client.
 * @returns Resolves when the server has taken the request, or cannot; never rejects. A client that cannot be
 * cancelled, such as one of the native driver, is left alone.
 */
export async function cancelStatement(client: object): Promise<void> {
  const { host, port, processID, secretKey, constructor: Client } = client as CancellableClient;
  if (typeof processID !== "number" || secretKey === undefined || secretKey === null) return;
  // The request itself is not encrypted in any version of the protocol that the driver speaks.
  const canceller = new Client({ host, port, ssl: false });
  if (typeof canceller.cancel !== "function") return;
  const done = Promise.withResolvers<void>();
  canceller.connection.on("error", done.resolve);
  canceller.connection.once("end", done.resolve);
  const query = {};
  // The driver compares only whether the query is the one under way.
  canceller.cancel({ activeQuery: query, processID, secretKey }, query);
  await done.promise;
}
