/**
 * The client that the application works with inside a branch: the pool's own, which refuses every statement
 * once the branch has ended or its connection is lost.
 *
 * node-postgres sends the statements of a client in the order in which `query` was called. So what the
 * application has asked for without waiting is done before PREPARE, and nothing can come after it.
 *
 * @module
 */

/** Of no use to a branch, and harmful to it. */
const REFUSED: Readonly<Record<string, string>> = {
  release: "Cannot release a branch's client: it is given back when the transaction has ended",
  end: "Cannot end a branch's client: it is given back when the transaction has ended",
  connect: "Cannot connect a branch's client: it is connected",
};

/** Stands between the application and a client of a pool. */
export class ClientGuard<Client extends object> {
  /** Makes the error with which everything is refused; made when it is needed, since most branches never do. */
  #refusal: (() => Error) | null = null;

  /** The application's client. */
  readonly client: Client;

  /**
   * Guards a client.
   *
   * @param client The client.
   */
  constructor(client: Client) {
    this.client = new Proxy(client, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== "function") return value;
        return (...parameters: unknown[]) => {
          const refused = typeof property === "string" ? REFUSED[property] : undefined;
          if (refused !== undefined) throw new TypeError(refused);
          if (property === "query" && this.#refusal !== null) throw this.#refusal();
          const answer: unknown = Reflect.apply(value, target, parameters);
          // What returns the client itself must not hand it out without its guard.
          return answer === target ? this.client : answer;
        };
      },
    });
  }

  /** Refuses every further statement. */
  close(): void {
    this.#refusal ??= refuseUse;
  }

  /**
   * Refuses every further statement; the driver itself ends the waiting for those under way.
   *
   * @param error Why.
   */
  lose(error: Error): void {
    this.#refusal ??= () => error;
  }
}

function refuseUse(): Error {
  return new TypeError("Cannot use this client: its branch has ended, begin another transaction");
}
