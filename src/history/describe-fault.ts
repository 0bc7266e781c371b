import { dirname } from "node:path";
import type { StoreError } from "../errors.ts";
import { lstat } from "../storage/fs.ts";

/** Describes why a file of `last/` cannot be used, and what to do. */
export async function describeFault(path: string, { message, hint }: StoreError): Promise<string> {
  const target = dirname(path);
  for (const part of [dirname(target), target, path]) {
    const found = await lstat(part).catch(() => undefined);
    const isFit = found === undefined || (part === path ? found.isFile() : found.isDirectory());
    if (isFit) continue;
    return `${part} is not a ${part === path ? "regular file" : "directory"}. Find out who created it, then remove it`;
  }
  return hint === undefined ? message : `${message}. ${hint}`;
}
