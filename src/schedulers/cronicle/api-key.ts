import { constants } from "node:fs";
import { errorCode, StoreError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { absolutePath } from "../../storage/config-dir.ts";
import { open } from "../../storage/fs.ts";
import { READABLE_BY_OTHERS, renderMode } from "../../storage/modes.ts";
import { ioError } from "../../storage/store-error.ts";

/** Addresses and API key of Cronicle. */
export interface CronicleAccess {
  /** The primary server, then each backup. The key is only sent to these. */
  readonly urls: readonly string[];
  /** The API key itself. */
  readonly key: string;
}

/** A reference to the key that is valid in any directory. */
export function absoluteReference(reference: string, directory: string, host: Pick<Host, "env">): string {
  const path = /^\$\{file:([^}]+)\}$/.exec(reference)?.[1];
  return path === undefined ? reference : `\${file:${absolutePath(path, directory, host)}}`;
}

/**
 * Reads the API key from its reference, `${env:NAME}` or `${file:ABSOLUTE PATH}`.
 *
 * @throws StoreError, which does not contain any part of the key
 */
export async function readKey(reference: string, { env, uid }: Pick<Host, "env" | "uid">): Promise<string> {
  const [, kind, of = ""] = /^\$\{(env|file):([^}]+)\}$/.exec(reference) ?? [];
  const [where, absent] = kind === "env" ? [`the variable ${of}`, "not set"] : [of, "missing"];
  const text = kind === "env" ? env[of] : await readKeyFile(of, uid);
  if (text === undefined || text.trim() === "") {
    throw new StoreError(`cronicle.key: ${where} is ${text === undefined ? absent : "empty"}`, {
      hint: "It must contain an API key of Cronicle. An administrator creates one under Admin → API Keys.",
    });
  }
  // The characters of a Cronicle key. HTTP would reject others with an error message that contains the key.
  if (!/^\w+$/.test(text.trim())) {
    throw new StoreError(
      `cronicle.key: the content of ${where} is not an API key: a key has only letters, digits and _`,
    );
  }
  return text.trim();
}

/** Reads the key file; `undefined` if it does not exist. */
async function readKeyFile(path: string, uid: number): Promise<string | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY);
    try {
      const { mode, uid: owner } = await file.stat();
      if (owner !== uid && owner !== 0) {
        throw new StoreError(`cronicle.key: ${path} belongs to user ${owner}, not to you (user ${uid})`);
      }
      if ((mode & READABLE_BY_OTHERS) !== 0) {
        throw new StoreError(`cronicle.key: ${path} can be read by others (mode ${renderMode(mode)})`, {
          hint: `Run chmod 600 ${path}: anyone with the key can run any command as Cronicle's user.`,
        });
      }
      return await file.readText("utf8");
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error instanceof StoreError ? error : ioError("read cronicle.key", path, error);
  }
}
