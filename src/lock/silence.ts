import type { LockFs } from "./lock-fs.ts";
import { tokenFileName } from "./token.ts";

interface Place {
  readonly files: LockFs;
  readonly folder: string;
  /** Names our own files beside the folder. */
  readonly nonce: string;
}

/** How long a holder has been silent: server's clock against server's clock, so that no host's clock matters. */
export async function silentMs({ files, folder, nonce }: Place, token: string): Promise<number> {
  const probe = `${folder}.${nonce}.probe`;
  await files.create(probe, "");
  try {
    const now = await files.times(probe);
    const beat = await files.times(`${folder}/${tokenFileName(token)}`);
    return now.ctimeMs - beat.ctimeMs;
  } finally {
    await files.removeFile(probe).catch(() => {});
  }
}
