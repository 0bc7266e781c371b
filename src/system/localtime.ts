import { readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../errors.ts";

const LOCALTIME = "/etc/localtime";

/**
 * What /etc/localtime is, as one word: where it leads, or a checksum of a file that is no link. As long as it stays the
 * same, so does the zone that cron follows, and it takes a start no time to ask.
 *
 * @param root folder to take for `/`
 */
export function localtimeMark(root: string): string {
  const path = join(root, LOCALTIME);
  try {
    return `link ${readlinkSync(path)}`;
  } catch (error) {
    if (errorCode(error) === "EINVAL") return markOfFile(path);
    return errorCode(error) ?? "unknown";
  }
}

/** FNV-1a: zone files are small, and nobody means ill with them. */
function markOfFile(path: string): string {
  let sum = 0x811c9dc5;
  try {
    for (const byte of readFileSync(path)) sum = Math.imul(sum ^ byte, 0x01000193) >>> 0;
    return `file ${sum.toString(16)}`;
  } catch (error) {
    return errorCode(error) ?? "unknown";
  }
}
