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

/** Colours for a terminal that shows them, unless the user wants none: NO_COLOR, FORCE_COLOR=0, TERM=dumb. */
export function paintFor({ stdout, env }: Pick<Host, "stdout" | "env">): Paint {
  const refused = (env["NO_COLOR"] ?? "") !== "" || /^(?:0|false)$/.test(env["FORCE_COLOR"] ?? "");
  if (stdout.isTTY !== true || refused || env["TERM"] === "dumb") return PLAIN;
  const { bold, dim, yellow } = colours.createColors(true);
  return { strong: bold, faint: dim, warning: yellow };
}
