import { stripVTControlCharacters } from "node:util";
import type { Actor } from "../control/control.ts";
import { UsageError } from "../errors.ts";
import { type Host, userName } from "../host.ts";

const LONGEST = 200;

/** Who types this command, for the history. @param why as given: one line, fit for a record */
export function actorOf(host: Host, why: string | undefined): Actor {
  const text = why === undefined ? undefined : stripVTControlCharacters(why).replace(/\s+/g, " ").trim();
  if (text !== undefined && text.length > LONGEST) {
    throw new UsageError(`--why is ${text.length} characters long; ${LONGEST} are kept`, "Say it in a sentence.");
  }
  return { by: `${userName(host)} on host ${host.name}`, why: text === "" ? undefined : text };
}
