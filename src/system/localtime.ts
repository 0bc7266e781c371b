import { readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../errors.ts";

const LOCALTIME = "/etc/localtime";

/**
 * Identifies /etc/localtime: the target of the link, or a checksum of a regular file. While it is the same, so is
 * cron's zone, and a start need not look it up.
 *
 * @param root directory to use as `/`
 */
export function localtimeFingerprint(root: string): string {
  const path = join(root, LOCALTIME);
  try {
    return `link ${readlinkSync(path)}`;
  } catch (error) {
    if (errorCode(error) === "EINVAL") return markOfFile(path);
    return errorCode(error) ?? "unknown";
  }
}

/** FNV-1a. It is not secure, but zone files are small and are not hostile input. */
function markOfFile(path: string): string {
  let sum = 0x811c9dc5;
  try {
    for (const byte of readFileSync(path)) sum = Math.imul(sum ^ byte, 0x01000193) >>> 0;
    return `file ${sum.toString(16)}`;
  } catch (error) {
    return errorCode(error) ?? "unknown";
  }
}
