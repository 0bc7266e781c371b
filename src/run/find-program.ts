import { constants } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { basename, isAbsolute, join, resolve } from "node:path";
import { EXIT, SchedError } from "../errors.ts";

type Found = "executable" | "not-executable" | "absent";

async function lookAt(path: string): Promise<Found> {
  try {
    if ((await stat(path)).isDirectory()) return "absent";
  } catch {
    return "absent";
  }
  // What cannot be looked at cannot be run either: the kernel would say the same.
  return access(path, constants.X_OK).then(
    () => "executable" as const,
    () => "not-executable" as const,
  );
}

/** execvp's own default where no PATH is set. */
const DEFAULT_PATH = "/bin:/usr/bin";

/**
 * The file that a command's first word means, as a shell would find it.
 *
 * @param path the PATH that the command itself will see
 * @throws a `SchedError` with a shell's code: 127 not found, naming the PATH searched; 126 not executable
 */
export async function findProgram(
  word: string,
  { path, cwd }: { readonly path: string | undefined; readonly cwd: string },
) {
  const searched = path ?? DEFAULT_PATH;
  const bare = !word.includes("/");
  const candidates = bare ? searched.split(":").map((folder) => join(folder || ".", word)) : [word];
  let refused: string | undefined;
  for (const candidate of candidates) {
    const file = isAbsolute(candidate) ? candidate : resolve(cwd, candidate);
    const found = await lookAt(file);
    if (found === "executable") return file;
    if (found === "not-executable") refused ??= file;
  }
  if (refused !== undefined) {
    throw new SchedError(`${refused} is not executable`, {
      exitCode: EXIT.notExecutable,
      hint: `If it is the program you mean: chmod +x ${refused}`,
    });
  }
  throw new SchedError(
    bare ? `cannot find the program ${word}; PATH searched: ${searched}` : `cannot find the program ${word}`,
    {
      exitCode: EXIT.notFound,
      hint: "Install PipelineWise there, or say where it is: pipelinewise.command in the schedule, then install it again.",
    },
  );
}

/** util-linux's, where there is one. Busybox has a program of that name that does not know --pdeathsig. */
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
