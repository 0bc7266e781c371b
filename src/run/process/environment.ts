import { constants } from "node:fs";
import { EXIT, errorCode, SchedError, StoreError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { absolutePath } from "../../storage/config-dir.ts";
import { trustedOwners } from "../../storage/directory.ts";
import { open } from "../../storage/fs.ts";
import { storeFault } from "../../storage/store-error.ts";
import type { EnvironmentPlan } from "../plan.ts";

const ASSIGNMENT = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/;

function unquoted(value: string): string | undefined {
  const quote = value[0];
  if (quote !== '"' && quote !== "'") return value;
  return value.length >= 2 && value.endsWith(quote) ? value.slice(1, -1) : undefined;
}

/**
 * The variables of an `env_file`: `KEY=VALUE` lines, empty lines and lines that begin with `#`. One pair of quotes around
 * a value is taken off; nothing in it is expanded, and a `#` in it is part of it.
 *
 * @throws a `SchedError` that names file and line, and never shows a value
 */
export function parseEnvFile(text: string, path: string): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.replace(/\r$/, "").trim();
    if (line === "" || line.startsWith("#")) continue;
    const [, name, written] = ASSIGNMENT.exec(line) ?? [];
    const value = written === undefined ? undefined : unquoted(written.trim());
    if (name === undefined || value === undefined) {
      throw new SchedError(`${path}:${index + 1}: this line is not KEY=VALUE, or its closing quote is missing`, {
        exitCode: EXIT.io,
        hint: "Write one variable per line, and comments on separate lines that begin with #. (The line is not shown because it may contain a secret.)",
      });
    }
    variables.set(name, value);
  }
  return variables;
}

/** A variable that the pipeline gets and we have not. */
export interface EnvironmentChange {
  readonly name: string;
  readonly value: string;
  /** Came from a file, from our environment, or from `env_file`: shown as `***`, never stored. */
  readonly secret: boolean;
}

type Surroundings = Pick<Host, "env" | "uid">;

const REFERENCE = /\$\{(file|env):([^}]*)\}/g;
const READABLE_BY_OTHERS = 0o077;

async function readSecretFile(path: string, uid: number, configDir: string): Promise<string> {
  try {
    const file = await open(path, constants.O_RDONLY);
    try {
      const { mode, uid: owner } = await file.stat();
      if ((mode & READABLE_BY_OTHERS) !== 0) {
        throw new StoreError(`env_file ${path} can be read by others (mode ${(mode & 0o777).toString(8)})`, {
          hint: `Protect its secrets: chmod 600 ${path}`,
        });
      }
      if (owner !== uid && !(await trustedOwners(configDir, uid)).includes(owner)) {
        throw new StoreError(`env_file ${path} belongs to user ${owner}, not to you (user ${uid})`, {
          hint: "Use a file that you own: an env_file can change what your pipelines do.",
        });
      }
      return await file.readText("utf8");
    } finally {
      await file.close();
    }
  } catch (error) {
    throw error instanceof StoreError ? error : storeFault("read env_file", path, error);
  }
}

async function readReferencedFile(path: string, name: string): Promise<string> {
  try {
    const file = await open(path, constants.O_RDONLY);
    const text = await file.readText("utf8").finally(() => file.close());
    return text.replace(/\r?\n$/, "");
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    const { message, hint } = storeFault("read", path, error);
    throw new StoreError(`env.${name}: ${message}`, {
      cause: error,
      hint: hint ?? `Create the file, or change env.${name} in the schedule and install it again.`,
    });
  }
}

/** A value with its references read. @param known variables that `${env:NAME}` may name */
async function resolveValue(
  [name, written]: readonly [string, string],
  { folder }: EnvironmentPlan,
  known: (name: string) => string | undefined,
  host: Surroundings,
): Promise<string> {
  let value = "";
  let end = 0;
  for (const match of written.matchAll(REFERENCE)) {
    const [whole, kind, of = ""] = match;
    const found = kind === "env" ? known(of) : await readReferencedFile(absolutePath(of, folder, host), name);
    if (found === undefined) {
      throw new StoreError(`env.${name}: the variable ${of} is not set`, {
        hint: "Set it in the schedule's env_file, or in the environment of the scheduler: cron does not pass on the variables of your shell.",
      });
    }
    value += written.slice(end, match.index) + found;
    end = match.index + whole.length;
  }
  return value + written.slice(end);
}

/**
 * What a pipeline's environment has beside ours: PIPELINEWISE_HOME as installed, `env_file`, then the schedule's `env`,
 * each over the one before, and the config directory over all. References are read now.
 */
export async function readEnvironment(
  plan: EnvironmentPlan,
  configDir: string,
  host: Surroundings,
): Promise<readonly EnvironmentChange[]> {
  const changes = new Map<string, EnvironmentChange>();
  const set = (name: string, value: string, secret: boolean) => {
    if (value.includes("\0")) throw new StoreError(`env.${name}: the value contains a zero byte`);
    changes.set(name, { name, value, secret });
  };
  if (plan.pipelinewiseHome !== undefined && host.env["PIPELINEWISE_HOME"] === undefined) {
    set("PIPELINEWISE_HOME", plan.pipelinewiseHome, false);
  }
  if (plan.file !== undefined) {
    const text = await readSecretFile(plan.file, host.uid, configDir);
    for (const [name, value] of parseEnvFile(text, plan.file)) set(name, value, true);
  }
  const below = new Map(changes);
  const known = (name: string) => below.get(name)?.value ?? host.env[name];
  for (const [name, written] of Object.entries(plan.values)) {
    const value = await resolveValue([name, written], plan, known, host);
    set(name, value, value !== written);
  }
  set("PIPELINEWISE_CONFIG_DIRECTORY", configDir, false);
  return [...changes.values()];
}

/** Our environment with the changes, as a process gets it. */
export function applyEnvironment(host: Pick<Host, "env">, changes: readonly EnvironmentChange[]): NodeJS.ProcessEnv {
  return { ...host.env, ...Object.fromEntries(changes.map(({ name, value }) => [name, value])) };
}
