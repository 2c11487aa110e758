/**
 * As whom a branch is prepared. What is prepared belongs to the role of that moment, and only that role or a
 * superuser can end it; the transaction's own `SET LOCAL ROLE` ends with PREPARE, and other sessions never had
 * it. So a branch is not prepared as a role by which the participant's sessions do not work: it would stay
 * prepared for ever.
 *
 * @module
 */

/** What the server says where the role is another one; that stands between the brackets. */
const WRONG_ROLE = /indoubt\.role is now <(.*)>/s;

/** An expression that fails, and says as what the session works. */
export const FAIL_WITH_ROLE = "concat('indoubt.role is now <', current_user, '>')::int::text";

/**
 * Whether the session works as a role.
 *
 * @param role The role.
 * @returns A condition.
 */
export function isCurrent(role: string): string {
  return `current_user = ${quoteRole(role)}`;
}

/**
 * A role's name in a statement.
 *
 * @param role The role.
 * @returns A string constant.
 */
export function quoteRole(role: string): string {
  // Letter by letter, whatever standard_conforming_strings is.
  return `E'${role.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/**
 * A statement that fails unless the session works as a role.
 *
 * @param role The role.
 * @returns The statement; what it gives means nothing.
 */
export function askRole(role: string): string {
  return `SELECT CASE WHEN ${isCurrent(role)} THEN '' ELSE ${FAIL_WITH_ROLE} END`;
}

/**
 * What it means that such a question has failed.
 *
 * @param message What the server has said, in any language.
 * @returns The error for the application, or `null` if it was something else that failed.
 */
export function wrongRoleIn(message: string): Error | null {
  const [, role] = WRONG_ROLE.exec(message) ?? [];
  if (role === undefined) return null;
  return new TypeError(
    `Cannot prepare a branch: its transaction runs as role "${role}", and what that prepares the ` +
      "participant's own sessions cannot end, use RESET ROLE before the function returns",
  );
}
