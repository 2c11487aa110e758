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

/**
 * A question that fails unless the session works as a role.
 *
 * @param role The role.
 * @returns An expression; its value means nothing.
 */
export function asRole(role: string): string {
  // Letter by letter, whatever standard_conforming_strings is.
  const name = `E'${role.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
  return `CASE current_user WHEN ${name} THEN '' ` +
    "ELSE concat('indoubt.role is now <', current_user, '>')::int::text END";
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
