/**
 * Who is at the keyboard, as far as that is known without asking for a permission.
 *
 * @module
 */

import { userInfo } from "node:os";

const NAME_VARIABLES = ["USER", "LOGNAME", "USERNAME"];

/**
 * The name of the one who runs the command.
 *
 * @returns The user's name, or `operator`.
 */
export function operatorName(): string {
  for (const variable of NAME_VARIABLES) {
    if (!isGranted({ name: "env", variable })) continue;
    const name = Deno.env.get(variable)?.trim();
    if (name) return name;
  }
  if (!isGranted({ name: "sys", kind: "username" })) return "operator";
  try {
    return userInfo().username;
  } catch {
    // A user that the system has no name for.
    return "operator";
  }
}

function isGranted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}
