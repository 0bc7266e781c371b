import { lstat, readFile } from "node:fs/promises";
import { errorCode } from "../errors.ts";
import { ioError } from "../storage/store-error.ts";

/** The kind of thing at a path; `not-a-file`: a link, a directory, a device. */
export type FoundFile = { readonly kind: "absent" | "not-a-file" } | { readonly kind: "file"; readonly text: string };

/** Looks at a path before a file is written there, and follows no link. @throws StoreError */
export async function findFile(path: string): Promise<FoundFile> {
  try {
    if (!(await lstat(path)).isFile()) return { kind: "not-a-file" };
    return { kind: "file", text: await readFile(path, "utf8") };
  } catch (error) {
    if (errorCode(error) === "ENOENT") return { kind: "absent" };
    throw ioError("read", path, error);
  }
}
