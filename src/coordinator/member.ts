/**
 * A participant as the coordinator sees it: its name, its adapter, and whether it may be used now.
 *
 * It starts unchecked. A check asks the database who it is and compares that with what the log remembers
 * under the name; a database seen for the first time is made durable in the log before anything may be
 * prepared in it, so that every later opening knows where to look.
 *
 * A check needs a session, too, and all may be taken. So one that has no answer in time says nothing of a database
 * that has answered others meanwhile.
 *
 * @module
 */

import { type Clock, within } from "../platform/clock.ts";
import type { DecisionLog } from "./decision_log.ts";
import {
  ParticipantConfigurationError,
  ParticipantIdentityError,
  ParticipantUnavailableError,
} from "./errors.ts";
import { gidPrefix } from "./gid.ts";
import type { Participant } from "./participant.ts";

/** Why a participant cannot be used at present. */
export type MemberError =
  | ParticipantConfigurationError
  | ParticipantIdentityError
  | ParticipantUnavailableError;

const LATE = Symbol("late");

/** One participant of a coordinator. */
export class Member {
  #identity: string | null = null;
  #error: MemberError | null;

  /** Its name. */
  readonly name: string;
  /** Its adapter. */
  readonly participant: Participant<unknown>;
  /** How often its branches have been answered; every commit counts here, which must cost nothing. */
  answers = 0;

  /**
   * Begins unchecked.
   *
   * @param name Its name.
   * @param participant Its adapter.
   */
  constructor(name: string, participant: Participant<unknown>) {
    this.name = name;
    this.participant = participant;
    this.#error = new ParticipantUnavailableError(name, {
      cause: new Error("It has not been checked yet"),
    });
  }

  /** Why it cannot be used; `null` if it can. */
  get error(): MemberError | null {
    return this.#error;
  }

  /** Which database it is; `null` before the first check that went well. */
  get identity(): string | null {
    return this.#identity;
  }

  /**
   * Checks the database and makes it known to the log.
   *
   * @param log The log.
   * @param clock Limits the time.
   * @param milliseconds How long the database may take.
   * @param others The other members; no two may be the same database.
   * @returns Why it cannot be used, or `null` if it can; it can also if it is just too busy for an answer.
   */
  async check(
    log: DecisionLog,
    clock: Clock,
    milliseconds: number,
    others: Iterable<Member>,
  ): Promise<MemberError | null> {
    const { answers } = this;
    try {
      const checked = await within(
        clock,
        this.participant.check(gidPrefix(log.coordinator)),
        milliseconds,
        LATE,
      );
      if (checked === LATE) {
        if (this.#error === null && this.answers !== answers) return null;
        throw new Error(`No answer within ${milliseconds} ms`);
      }
      this.#assertIdentity(checked.identity, log, others);
      // At once, since others are being checked at the same time.
      this.#identity = checked.identity;
      if (!log.participants.has(this.name)) {
        const { kind } = this.participant;
        await log.register({ name: this.name, kind, identity: checked.identity });
      }
      this.#error = null;
    } catch (error) {
      this.#error = this.#explain(error);
    }
    return this.#error;
  }

  #assertIdentity(identity: string, log: DecisionLog, others: Iterable<Member>): void {
    const known = log.participants.get(this.name);
    if (known !== undefined && known.identity !== identity) {
      throw new ParticipantIdentityError(this.name, known.identity, identity);
    }
    for (const other of others) {
      if (other !== this && other.identity === identity) {
        throw new ParticipantConfigurationError(
          this.name,
          `it is the same database as participant "${other.name}", name each database once`,
        );
      }
    }
  }

  #explain(error: unknown): MemberError {
    if (error instanceof ParticipantIdentityError) return error;
    if (error instanceof ParticipantConfigurationError) {
      if (error.participant === this.name) return error;
      return new ParticipantConfigurationError(this.name, error.reason, { cause: error.cause });
    }
    return new ParticipantUnavailableError(this.name, { cause: error });
  }
}
