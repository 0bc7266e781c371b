import { createHash } from "node:crypto";

/** SHA-256 (hex) of a stored text. In a file of its own: loading node:crypto takes a tick's start milliseconds that it can spare. */
export const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex");
