import { constants } from "node:fs";
import { isAbsolute, join } from "node:path";
import { EXIT, SchedError } from "../errors.ts";
import { access, stat } from "../storage/fs.ts";

type Found = "executable" | "not executable" | "absent";

async function lookAt(path: string): Promise<Found> {
  const isFile = await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
  if (!isFile) return "absent";
  return access(path, constants.X_OK).then(
    () => "executable" as const,
    () => "not executable" as const,
  );
}

/**
 * Absolute path of a program, as a shell would find it.
 *
 * @param word a name, looked for in the directories of `path`, or an absolute path; a relative path would mean another
 *   program in each directory in which a scheduler starts a run
 * @param path value of PATH; its relative parts are passed over, as they mean another directory in every other place
 * @param key of the schedule file that names the program
 * @throws SchedError with a shell's code: 127 not found, 126 found but not executable
 */
export async function findProgram(
  word: string,
  path: string | undefined,
  key = "pipelinewise.command",
): Promise<string> {
  if (word.includes("/") && !isAbsolute(word)) {
    throw new SchedError(`the command ${JSON.stringify(word)} is neither an absolute path nor the name of a program`, {
      exitCode: EXIT.notFound,
      hint: `Write an absolute path in the schedule (${key}), or the name of a program on the PATH.`,
    });
  }
  const directories = (path ?? "").split(":").filter(isAbsolute);
  const candidates = isAbsolute(word) ? [word] : directories.map((directory) => join(directory, word));
  let refused: string | undefined;
  for (const candidate of candidates) {
    const found = await lookAt(candidate);
    if (found === "executable") return candidate;
    if (found === "not executable") refused ??= candidate;
  }
  if (refused !== undefined) {
    throw new SchedError(`${refused} is not executable`, {
      exitCode: EXIT.notExecutable,
      hint: `If it is the right program: chmod +x ${refused}`,
    });
  }
  const searched = isAbsolute(word) ? "" : `; searched PATH: ${path ?? "(not set)"}`;
  throw new SchedError(`the command ${JSON.stringify(word)} was not found${searched}`, {
    exitCode: EXIT.notFound,
    hint: `Write its absolute path in the schedule (${key}), or add its directory to the PATH.`,
  });
}
