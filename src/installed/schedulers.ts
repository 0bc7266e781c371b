import type { StoredInstall } from "./schedule.ts";

/** The command that installs a schedule again on a host, on the scheduler that it is already on. */
export function installAgain(
  file: string,
  { lines, on, compileOnly }: Pick<StoredInstall, "lines" | "on" | "compileOnly">,
): string {
  const [other] = Object.keys(on ?? {});
  const option =
    lines.length > 0 ? "" : other !== undefined ? ` --on ${other}` : compileOnly === true ? " --compile-only" : "";
  return `pipelinewise-sched install ${file}${option}`;
}

/** A host's stored install without one of its schedulers. */
export function withoutScheduler(host: StoredInstall, name: string): StoredInstall {
  if (name === "cron") return { ...host, lines: [] };
  const { [name]: _removed, ...rest } = host.on ?? {};
  return { ...host, on: Object.keys(rest).length === 0 ? undefined : rest };
}
