/** How an adapter ends a prepared branch, from the session that has prepared it or from another. */

import type { SettleAnswer } from "../../../src/coordinator/participant.ts";
import type { Link } from "./link.ts";
import type { Ending, ServerSession } from "./simulated_server.ts";

/**
 * Sends COMMIT PREPARED or ROLLBACK PREPARED.
 *
 * @param session The branch's own session, or `null` for any.
 * @returns The answer; never rejects.
 */
export async function settle(
  link: Link,
  session: ServerSession | null,
  gid: string,
  ending: Ending,
): Promise<SettleAnswer> {
  try {
    await link.send(`${ending} prepared`, session, gid, (server) => {
      server.endPrepared(gid, ending, session);
    });
    return { kind: "done" };
  } catch (error) {
    const answer = (session?.server ?? link.server).settleAnswerOf(error, ending);
    return answer === "look again" ? await lookAgain(link, gid, error) : answer;
  }
}

/** MariaDB says "no such xid" also while the session lives that has prepared it. */
async function lookAgain(link: Link, gid: string, error: unknown): Promise<SettleAnswer> {
  try {
    const isThere = await link.send("list", null, "", (server) => server.prepared.has(gid));
    return isThere ? { kind: "later", error } : { kind: "absent" };
  } catch (error) {
    return { kind: "later", error };
  }
}
