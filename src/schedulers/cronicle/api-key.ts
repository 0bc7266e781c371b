import { constants } from "node:fs";
import { errorCode, StoreError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { absolutePath } from "../../storage/config-dir.ts";
import { open } from "../../storage/fs.ts";
import { storeFault } from "../../storage/store-error.ts";

/** How to reach Cronicle and authenticate. */
export interface CronicleAccess {
  /** The primary, then each server that may take its place. The key is sent to these and to no other. */
  readonly urls: readonly string[];
  /** The API key itself. */
  readonly key: string;
}

const READABLE_BY_OTHERS = 0o077;

/** A reference to the key that means the same from any folder. */
export function absoluteReference(reference: string, folder: string, host: Pick<Host, "env">): string {
  const path = /^\$\{file:([^}]+)\}$/.exec(reference)?.[1];
  return path === undefined ? reference : `\${file:${absolutePath(path, folder, host)}}`;
}

/**
 * The API key that a reference, `${env:NAME}` or `${file:ABSOLUTE PATH}`, leads to.
 *
 * @throws StoreError that holds nothing of the key
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
  // All that Cronicle takes for a key; anything else would be refused by HTTP with the key in the message.
  if (!/^\w+$/.test(text.trim())) {
    throw new StoreError(
      `cronicle.key: the content of ${where} is not an API key: a key has only letters, digits and _`,
    );
  }
  return text.trim();
}

/** `undefined` where there is none. */
async function readKeyFile(path: string, uid: number): Promise<string | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY);
    try {
      const { mode, uid: owner } = await file.stat();
      if (owner !== uid && owner !== 0) {
        throw new StoreError(`cronicle.key: ${path} belongs to user ${owner}, not to you (user ${uid})`);
      }
      if ((mode & READABLE_BY_OTHERS) !== 0) {
        throw new StoreError(`cronicle.key: ${path} can be read by others (mode ${(mode & 0o777).toString(8)})`, {
          hint: `Run chmod 600 ${path}: anyone with the key can run any command as Cronicle's user.`,
        });
      }
      return await file.readText("utf8");
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error instanceof StoreError ? error : storeFault("read cronicle.key", path, error);
  }
}
