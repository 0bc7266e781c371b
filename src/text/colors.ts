import colours from "picocolors";
import type { Host } from "../host.ts";

/** Styles for text on a terminal. */
export interface Paint {
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
  readonly warning: (text: string) => string;
}

const asIs = (text: string): string => text;

export const PLAIN: Paint = { strong: asIs, faint: asIs, warning: asIs };

/** Colours if stdout is a terminal, unless NO_COLOR, FORCE_COLOR=0 or TERM=dumb turns them off. */
export function paintFor({ stdout, env }: Pick<Host, "stdout" | "env">): Paint {
  const isOff = (env["NO_COLOR"] ?? "") !== "" || /^(?:0|false)$/.test(env["FORCE_COLOR"] ?? "");
  if (stdout.isTTY !== true || isOff || env["TERM"] === "dumb") return PLAIN;
  const { bold, dim, yellow } = colours.createColors(true);
  return { strong: bold, faint: dim, warning: yellow };
}
