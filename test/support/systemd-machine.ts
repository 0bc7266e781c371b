import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fakeMachine } from "./fake-machine.ts";

export const isRoot = process.getuid?.() === 0;
export const FOLDER = isRoot ? "etc/systemd/system" : ".config/systemd/user";
export const ORDERS = "pipelinewise-redshift-orders";
export const STOCK = "pipelinewise-redshift-stock";
export const UNITS = [`${ORDERS}.service`, `${ORDERS}.timer`, `${STOCK}.service`, `${STOCK}.timer`];

/** A machine with a schedule of two pipelines, orders and stock. @param options.runs whether systemd does */
export function systemdMachine({
  runs = true,
  crontab,
  hasPrograms = false,
}: {
  runs?: boolean;
  crontab?: string;
  hasPrograms?: boolean;
} = {}) {
  const machine = fakeMachine({ crontab, hasPrograms, env: { XDG_CONFIG_HOME: "", XDG_RUNTIME_DIR: "" } });
  const path = (...parts: string[]): string => join(machine.home, ...parts);
  mkdirSync(path("systemd/up"), { recursive: true });
  const signs = ["run/systemd/system", `run/user/${process.getuid?.()}/systemd/private`];
  if (runs) for (const sign of signs) mkdirSync(path(sign), { recursive: true });
  copyFileSync("test/support/fake-systemctl", path("bin/systemctl"));
  return {
    ...machine,
    path,
    units: () => (existsSync(path(FOLDER)) ? readdirSync(path(FOLDER)).sort() : []),
    up: () => readdirSync(path("systemd/up")).sort(),
    /** The calls of systemctl since the last check. */
    told: () => {
      const file = path("systemd/calls");
      const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
      writeFileSync(file, "");
      return lines.map((line) => line.replace(/^--user /, "")).filter((line) => !line.startsWith("show"));
    },
    fail: (verb: string) => writeFileSync(path("systemd/fails"), verb),
    hostFile: () => JSON.parse(machine.text(".pipelinewise/.sched/schedules/pipelinewise.testhost.json") ?? "{}"),
  };
}
