import { constants } from "node:fs";
import { SchedError, StoreError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { absolutePath } from "../../storage/config-dir.ts";
import { trustedOwners } from "../../storage/directory.ts";
import { open } from "../../storage/fs.ts";
import { READABLE_BY_OTHERS, renderMode } from "../../storage/modes.ts";
import { ioError } from "../../storage/store-error.ts";
import type { EnvironmentPlan } from "../plan.ts";
import { parseEnvFile } from "./env-file.ts";

/** A variable that the pipeline has in addition to the wrapper's. */
export interface EnvironmentChange {
  readonly name: string;
  readonly value: string;
  /** The value comes from a file or from the environment. It is shown as `***` and never stored. */
  readonly secret: boolean;
}

type Reader = Pick<Host, "env" | "uid">;

/** A reference in a value of `env`. */
export const REFERENCE = /\$\{(file|env):([^}]*)\}/g;

/** Node passes a variable on as UTF-8, so other bytes cannot reach the pipeline. They are refused, never replaced. */
function decode(bytes: Buffer, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new StoreError(`${what} is not valid UTF-8`, { cause: error, hint: NOT_UTF8 });
  }
}
const NOT_UTF8 = "Save it as UTF-8. PipelineWise can get text only, so encode a binary value, for example as Base64.";

async function readSecretFile(path: string, uid: number, configDir: string): Promise<string> {
  try {
    const file = await open(path, constants.O_RDONLY);
    try {
      const { mode, uid: owner } = await file.stat();
      if ((mode & READABLE_BY_OTHERS) !== 0) {
        throw new StoreError(`env_file ${path} can be read by others (mode ${renderMode(mode)})`, {
          hint: `Protect its secrets: chmod 600 ${path}`,
        });
      }
      if (owner !== uid && !(await trustedOwners(configDir, uid)).includes(owner)) {
        throw new StoreError(`env_file ${path} belongs to user ${owner}, not to you (user ${uid})`, {
          hint: "Use a file that you own: an env_file can change what your pipelines do.",
        });
      }
      return decode(await file.readAll(), `env_file ${path}`);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw error instanceof StoreError
      ? error
      : ioError("read env_file", path, error, "Create the file, or correct its path in the schedule file.");
  }
}

async function readReferencedFile(path: string, name: string): Promise<string> {
  try {
    const file = await open(path, constants.O_RDONLY);
    const bytes = await file.readAll().finally(() => file.close());
    return decode(bytes, path).replace(/\r?\n$/, "");
  } catch (error) {
    const { message, hint } = ioError("read", path, error);
    throw new StoreError(`env.${name}: ${message}`, {
      cause: error,
      hint: hint ?? `Create the file, or change env.${name} in the schedule and install it again.`,
    });
  }
}

/** Replaces the references in a value. @param known gives the variables that `${env:NAME}` may name */
async function resolveValue(
  [name, written]: readonly [string, string],
  { directory }: EnvironmentPlan,
  known: (name: string) => string | undefined,
  host: Reader,
): Promise<string> {
  let value = "";
  let end = 0;
  for (const match of written.matchAll(REFERENCE)) {
    const [whole, kind, of = ""] = match;
    const found = kind === "env" ? known(of) : await readReferencedFile(absolutePath(of, directory, host), name);
    if (found === undefined) {
      throw new StoreError(`env.${name}: the variable ${of} is not set`, {
        hint: "Set it in the schedule's env_file, or in the environment of the scheduler: cron does not pass on the variables of your shell.",
      });
    }
    // Node shows bytes of its own environment that are not UTF-8 as U+FFFD.
    if (kind === "env" && found.includes("\ufffd")) {
      throw new StoreError(`env.${name}: the variable ${of} is not valid UTF-8`, { hint: NOT_UTF8 });
    }
    value += written.slice(end, match.index) + found;
    end = match.index + whole.length;
  }
  return value + written.slice(end);
}

/** A problem with the environment of the runs. */
export interface EnvironmentFault {
  /** The key below `pipelinewise` in the schedule file. */
  readonly key: readonly ["env_file"] | readonly ["env", string];
  readonly error: SchedError;
}

/** The kernel's limit for one variable, MAX_ARG_STRLEN in execve(2), without `=` and the byte that ends it. */
const LONGEST_VARIABLE = 131_070;

function assertPossible(name: string, value: string): void {
  if (value.includes("\0")) throw new StoreError(`env.${name}: the value contains a zero byte`);
  if (Buffer.byteLength(name) + Buffer.byteLength(value) <= LONGEST_VARIABLE) return;
  throw new StoreError(`env.${name}: the value is longer than a variable can be (128 KiB)`, {
    hint: "Give PipelineWise the path of the file instead of its content.",
  });
}

/**
 * Reads the variables that a pipeline has in addition to the wrapper's: PIPELINEWISE_HOME as installed, `env_file`, the
 * schedule's `env`, and the config directory. Later ones replace earlier ones.
 *
 * @param onFault called for each problem that the user can fix; by default it throws the first
 */
export async function readEnvironment(
  plan: EnvironmentPlan,
  configDir: string,
  host: Reader,
  onFault: (fault: EnvironmentFault) => void = ({ error }) => {
    throw error;
  },
): Promise<readonly EnvironmentChange[]> {
  const changes = new Map<string, EnvironmentChange>();
  const set = (name: string, value: string, secret: boolean) => {
    assertPossible(name, value);
    changes.set(name, { name, value, secret });
  };
  const attempt = async (key: EnvironmentFault["key"], act: () => Promise<void>): Promise<boolean> => {
    try {
      await act();
      return true;
    } catch (error) {
      if (!(error instanceof SchedError)) throw error;
      onFault({ key, error });
      return false;
    }
  };
  if (plan.pipelinewiseHome !== undefined && host.env["PIPELINEWISE_HOME"] === undefined) {
    set("PIPELINEWISE_HOME", plan.pipelinewiseHome, false);
  }
  const { file } = plan;
  const isComplete =
    file === undefined ||
    (await attempt(["env_file"], async () => {
      const text = await readSecretFile(file, host.uid, configDir);
      for (const [name, value] of parseEnvFile(text, file)) set(name, value, true);
    }));
  const below = new Map(changes);
  // Nobody knows which variables an unreadable env_file sets.
  const known = (name: string) => below.get(name)?.value ?? host.env[name] ?? (isComplete ? undefined : "");
  for (const [name, written] of Object.entries(plan.values)) {
    await attempt(["env", name], async () => {
      const value = await resolveValue([name, written], plan, known, host);
      set(name, value, value !== written);
    });
  }
  set("PIPELINEWISE_CONFIG_DIRECTORY", configDir, false);
  return [...changes.values()];
}

/** The wrapper's environment with the changes. */
export function applyEnvironment(host: Pick<Host, "env">, changes: readonly EnvironmentChange[]): NodeJS.ProcessEnv {
  return { ...host.env, ...Object.fromEntries(changes.map(({ name, value }) => [name, value])) };
}
