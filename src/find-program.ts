import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { EXIT, SchedError } from "./errors.ts";

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/**
 * Absolute path of a program, as a shell would find it.
 *
 * @param word a name, looked for in the folders of `path`, or an absolute path
 * @param path value of PATH; its relative parts are passed over, as they mean another folder in every other place
 */
export async function findProgram(word: string, path: string | undefined): Promise<string> {
  if (isAbsolute(word)) {
    if (await isProgram(word)) return word;
    throw new SchedError(`${word} is not a program that can be run`, {
      exitCode: EXIT.notFound,
      hint: "Look whether it is there, is a file and may be executed by this user.",
    });
  }
  for (const folder of (path ?? "").split(":").filter(isAbsolute)) {
    const candidate = join(folder, word);
    if (await isProgram(candidate)) return candidate;
  }
  throw new SchedError(`the command ${JSON.stringify(word)} is not found; searched PATH: ${path ?? "(not set)"}`, {
    exitCode: EXIT.notFound,
    hint: "Name it by its absolute path in the schedule (pipelinewise.command), or put its folder on the PATH.",
  });
}
