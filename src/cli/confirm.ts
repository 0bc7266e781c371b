import { createInterface } from "node:readline";
import { UsageError } from "../errors.ts";
import type { Host } from "../host.ts";

/** Asks a question on the terminal; only `y` or `yes` agrees. Where nobody sits, `--yes` must have been said. */
export async function demandConsent(question: string, yes: boolean, { stdin, stderr }: Host): Promise<boolean> {
  if (yes) return true;
  if (stdin.isTTY !== true)
    throw new UsageError("nobody is there to be asked", "Look at the diff above, then add --yes.");
  stderr.write(`${question} [y/N] `);
  const lines = createInterface({ input: stdin });
  try {
    for await (const line of lines) return /^y(es)?$/i.test(line.trim());
    return false;
  } finally {
    lines.close();
  }
}
