import { dirname } from "node:path";
import type { Receiver } from "../alert-rules.ts";
import { checkReceiver } from "../alerts/receivers/check-receiver.ts";
import { SchedError } from "../errors.ts";
import type { Host } from "../host.ts";
import { addressReader } from "../run/alerts.ts";
import { type EnvironmentFault, REFERENCE, readEnvironment } from "../run/process/environment.ts";
import type { Diagnostic, Path } from "../schedule/diagnostic.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { absolutePath, type ConfigDirOptions, configDirPath } from "../storage/config-dir.ts";
import { stat } from "../storage/fs.ts";
import { renderMode } from "../storage/modes.ts";

/**
 * Warnings about `env_file` and the references in `env`. Every run reads them, so a missing file or a wrong line would
 * otherwise first be noticed at night. The warnings show no values.
 *
 * These are not errors, because the runs may be on another machine.
 *
 * @param options.flag `--config-dir`
 */
export async function environmentWarnings(
  { pipelinewise: { env, envFile, configDir }, source }: Schedule,
  host: Host,
  { flag }: Pick<ConfigDirOptions, "flag"> = {},
): Promise<readonly Diagnostic[]> {
  if (envFile === undefined && Object.keys(env).length === 0) return [];
  const directory = dirname(source.path);
  const faults: EnvironmentFault[] = [];
  const onFault = (fault: EnvironmentFault): void => {
    faults.push(fault);
  };
  try {
    const file = envFile === undefined ? undefined : absolutePath(envFile, directory, host);
    const plan = { values: env, file, directory, pipelinewiseHome: undefined };
    const wish = { flag, file: configDir === undefined ? undefined : { value: configDir, directory } };
    // Only the owner of an env_file is compared with the config directory's.
    const owned = file === undefined ? "" : configDirPath(host, wish);
    await readEnvironment(plan, owned, host, onFault);
  } catch (error) {
    if (!(error instanceof SchedError)) throw error;
    onFault({ key: ["env_file"], error }); // HOME is not set.
  }
  const ofRuns = faults.map(
    ({ key, error: { message, hint } }): Diagnostic => ({
      severity: "warning",
      path: ["pipelinewise", ...key],
      message: `every run would fail: ${message}`,
      hint,
    }),
  );
  const values = Object.entries(env).map(([name, value]) => ({ path: ["pipelinewise", "env", name], value }));
  return [...ofRuns, ...(await modeWarnings(values, directory, host))];
}

/**
 * Warnings about receivers to which no message can be sent, such as those whose address cannot be read. They are not
 * errors, because the runs may be on another machine. The warnings show no addresses.
 */
export async function addressWarnings(
  schedule: Schedule,
  host: Host,
  options: Pick<ConfigDirOptions, "flag"> = {},
): Promise<readonly Diagnostic[]> {
  const { alerts = [] } = schedule;
  const warnings: Diagnostic[] = [];
  for (const [index, { receiver }] of alerts.entries()) {
    try {
      await checkReceiver(receiver, { resolve: addressReaderOf(schedule, host, options) });
    } catch (error) {
      if (!(error instanceof SchedError)) throw error;
      const { message, hint } = error;
      const path = ["alerts", index, receiver.kind];
      warnings.push({ severity: "warning", path, message: `no alert could be sent: ${message}`, hint });
    }
  }
  const addresses = alerts.flatMap(({ receiver }, index) => {
    const value = addressOf(receiver);
    return value === undefined ? [] : [{ path: ["alerts", index, receiver.kind], value }];
  });
  return [...warnings, ...(await modeWarnings(addresses, dirname(schedule.source.path), host))];
}

/** The URL of a receiver, as written; `undefined` for a program. */
function addressOf(receiver: Receiver): string | undefined {
  if (receiver.kind !== "email") return receiver.url;
  return "smtp" in receiver.by ? receiver.by.smtp : undefined;
}

/** Reads the references in addresses of receivers, as the runs of a schedule file would. @param options.flag `--config-dir` */
export function addressReaderOf(
  { pipelinewise: { envFile, configDir }, source }: Schedule,
  host: Host,
  { flag }: Pick<ConfigDirOptions, "flag">,
): (written: string) => Promise<string> {
  const directory = dirname(source.path);
  const wish = { flag, file: configDir === undefined ? undefined : { value: configDir, directory } };
  // Only the owner of an env_file is compared with the config directory's.
  const owned = envFile === undefined ? "" : configDirPath(host, wish);
  return addressReader({ configDir: owned, source, envFile }, host);
}

const READABLE_BY_ALL = 0o004;

/**
 * The user's own files behind `${file:PATH}` that everybody can read. A run accepts them, because Docker and Kubernetes
 * mount secrets with such modes.
 */
async function modeWarnings(
  values: readonly { readonly path: Path; readonly value: string }[],
  directory: string,
  host: Host,
): Promise<readonly Diagnostic[]> {
  const warnings: Diagnostic[] = [];
  for (const { path, value } of values) {
    for (const [, kind, of = ""] of value.matchAll(REFERENCE)) {
      if (kind !== "file") continue;
      const file = absolutePath(of, directory, host);
      const found = await stat(file).catch(() => undefined); // A missing file has a warning of its own.
      if (found === undefined || found.uid !== host.uid || (found.mode & READABLE_BY_ALL) === 0) continue;
      warnings.push({
        severity: "warning",
        path,
        message: `${file} can be read by everybody (mode ${renderMode(found.mode)})`,
        hint: `Protect its secrets: chmod 600 ${file}`,
      });
    }
  }
  return warnings;
}
