import { readFileSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../errors.ts";

/**
 * The version of a package that dpkg or apk has installed here.
 *
 * @param root folder to take for `/`
 * @returns `undefined` where neither has it, or another packager is at work
 */
export function installedVersion(name: string, root: string): string | undefined {
  const inDpkg = paragraph(`Package: ${name}`, textOf(join(root, "var/lib/dpkg/status")));
  if (/^Status: \S+ \S+ installed$/m.test(inDpkg)) return /^Version: (\S+)$/m.exec(inDpkg)?.[1];
  return /^V:(\S+)$/m.exec(paragraph(`P:${name}`, textOf(join(root, "lib/apk/db/installed"))))?.[1];
}

/** The paragraph in which this is a line; both files are made of such, divided by empty lines. */
function paragraph(line: string, text: string): string {
  const at = `\n${text}`.indexOf(`\n${line}\n`);
  if (at === -1) return "";
  const [start, end] = [text.lastIndexOf("\n\n", at), text.indexOf("\n\n", at)];
  return text.slice(start === -1 ? 0 : start, end === -1 ? undefined : end);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EACCES"].includes(errorCode(error) ?? "")) return "";
    throw error;
  }
}
