import { createHash } from "node:crypto";

/** SHA-256 (hex) of what is stored, or was read. In a file of its own: loading node:crypto takes a tick's start milliseconds that it can spare. */
export const digestOf = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");
