import { constants } from "node:fs";
import { join } from "node:path";
import type { PipelineId } from "../pipeline-id.ts";
import { open } from "../storage/fs.ts";
import type { EnvironmentChange } from "./process/environment.ts";

/** Names of secrets, as keys of PipelineWise's configuration and as environment variables. */
const SECRET_NAME =
  /passw|passphrase|pwd|(?:^|_)pass$|secret|token|credential|private_?key|api_?key|access_?key|account_?key|auth_?key|signing_?key|master_?key|encryption_?key|connection_?string|dsn|webhook|authorization/i;

/** The shell's working directories. */
const WORKING_DIRECTORIES = ["PWD", "OLDPWD"];

const PASSWORD_IN_URL = /[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:([^\s/]+)@/gi;

/** The passwords in the URLs of a text, as written and decoded. */
function passwordsInUrls(text: string): readonly string[] {
  return [...text.matchAll(PASSWORD_IN_URL)].flatMap(([, password = ""]) => {
    try {
      return [password, decodeURIComponent(password)];
    } catch {
      return [password];
    }
  });
}

/** The secrets in a JSON value: all values below a key with the name of a secret, and passwords in URLs. */
function secretsIn(value: unknown, isSecret: boolean): readonly string[] {
  if (typeof value === "string") return isSecret ? [value] : passwordsInUrls(value);
  if (typeof value === "number") return isSecret ? [String(value)] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => secretsIn(inner, isSecret || SECRET_NAME.test(key)));
}

/** The secrets in a file of PipelineWise; none if it cannot be read, because PipelineWise cannot read it either. */
async function secretsInFile(path: string): Promise<readonly string[]> {
  try {
    const file = await open(path, constants.O_RDONLY);
    const text = await file.readText("utf8").finally(() => file.close());
    return secretsIn(JSON.parse(text), false);
  } catch {
    return [];
  }
}

/** The secrets in PipelineWise's configuration of a pipeline: of its tap, its target, and the alert handlers. */
export async function configuredSecrets(configDir: string, { tap, target }: PipelineId): Promise<readonly string[]> {
  const files = [
    ["config.json"],
    [target, "config.json"],
    [target, tap, "config.json"],
    [target, tap, "inheritable_config.json"],
  ];
  const secrets = await Promise.all(files.map((names) => secretsInFile(join(configDir, ...names))));
  return secrets.flat();
}

/** The secrets in the environment of a pipeline. @param changes what the pipeline has in addition to `inherited` */
export function environmentSecrets(
  inherited: Readonly<Record<string, string | undefined>>,
  changes: readonly EnvironmentChange[],
): readonly string[] {
  const all = [...Object.entries(inherited).map(([name, value = ""]) => ({ name, value, secret: false })), ...changes];
  return all.flatMap(({ name, value, secret }) => [
    ...(secret || (SECRET_NAME.test(name) && !WORKING_DIRECTORIES.includes(name)) ? [value] : []),
    ...passwordsInUrls(value),
  ]);
}
