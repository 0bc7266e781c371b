import { basename } from "node:path";
import { realpath } from "../files.ts";

/** util-linux's setpriv, where there is one. Busybox has a program of that name that does not know --pdeathsig. */
export async function findSetpriv(): Promise<string | undefined> {
  for (const file of ["/usr/bin/setpriv", "/bin/setpriv"]) {
    try {
      if (basename(await realpath(file)) === "setpriv") return file;
    } catch {
      // Not here: a system without util-linux, such as macOS.
    }
  }
  return undefined;
}
