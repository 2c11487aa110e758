/**
 * SQLite as Deno has it (`node:sqlite`), in WAL mode with `synchronous=FULL`, which syncs at each commit:
 * one INSERT a transaction for a caller alone, one transaction for all that wait together for many.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import type { Contender, ContenderSettings } from "../contender.ts";
import { Group } from "./group.ts";

/** Makes the database. */
export function openSqlite(settings: ContenderSettings): Promise<Contender> {
  const { directory, concurrency, bytes } = settings;
  const database = new DatabaseSync(`${directory}/records.sqlite`);
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = FULL");
  database.exec("CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB NOT NULL)");
  const [begin, insert, commit] = [
    "BEGIN IMMEDIATE",
    "INSERT INTO record (body) VALUES (?)",
    "COMMIT",
  ].map((text) => database.prepare(text));
  const body = new Uint8Array(bytes).fill(5);
  const group = new Group((count) => {
    begin!.run();
    for (let index = 0; index < count; index++) insert!.run(body);
    commit!.run();
  });
  const alone = () => {
    insert!.run(body);
    return Promise.resolve();
  };
  return Promise.resolve({
    counts: null,
    // The table does not grow from round to round: neither the disk nor the tree is to.
    beforeRound: () => database.exec("DELETE FROM record; PRAGMA wal_checkpoint(TRUNCATE)"),
    operate: concurrency === 1 ? alone : () => group.join(),
    [Symbol.asyncDispose]: () => {
      database.close();
      return Promise.resolve();
    },
  });
}
