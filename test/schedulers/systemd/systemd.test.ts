import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseCron } from "../../../src/cron/expression.ts";
import type { InstallJob } from "../../../src/schedulers/scheduler.ts";
import { decadesFrom } from "../../../src/schedulers/scheduler.ts";
import { systemd } from "../../../src/schedulers/systemd/systemd.ts";
import { type TestHost, testHost } from "../../support/host.ts";
import { placeOf, takeOver } from "../place.ts";

const at = new Date("2026-11-23T12:00Z");
const NAME = "pipelinewise-warehouse-redshift-orders";

const job = (crons: readonly string[] = ["30 9 * * *"]): InstallJob => ({
  schedule: {
    name: "warehouse",
    source: { path: "/srv/schedule.yml", bytes: new Uint8Array() },
    pipelinewise: { command: ["pipelinewise"], env: {} },
    pipelines: [
      {
        tap: "orders",
        target: "redshift",
        command: "run_tap",
        crons: crons.map(parseCron),
        args: [],
        position: { line: 1, column: 1 },
      },
    ],
  },
  call: { node: "/usr/bin/node", program: "/opt/p/bin/p.cjs", schedule: "warehouse", configDir: "/srv/pw" },
  machineZone: "Europe/London",
  horizon: decadesFrom(at),
  at,
});

/** A machine with systemd, and the calls of systemctl. */
function machine(uid: number) {
  const host = testHost({ uid });
  const bin = join(host.home, "bin");
  mkdirSync(bin);
  for (const path of ["run/systemd/system", "run/user/1000/systemd/private", "elsewhere/systemd/private"]) {
    mkdirSync(join(host.home, path), { recursive: true });
  }
  writeFileSync(join(bin, "systemctl"), '#!/bin/sh\necho "$XDG_RUNTIME_DIR $*" >>"$HOME/calls"\n', { mode: 0o755 });
  const PATH = `${bin}:/usr/bin:/bin`;
  const own: TestHost = { ...host, root: host.home, env: { HOME: host.home, PATH } };
  return { host: own, calls: () => readFileSync(join(host.home, "calls"), "utf8").trim().split("\n") };
}

describe("an ordinary user's units", () => {
  test("go into the user's own directory and manager, and name no user", async () => {
    const { host, calls } = machine(1000);
    const prepared = await systemd.prepareInstall(job(), host, takeOver(job().schedule));
    const { plan, apply } = prepared;
    expect(placeOf(prepared)).toEqual({ scope: "user", folder: join(host.home, ".config/systemd/user") });
    expect(plan.changes.map(({ kind, what }) => `${kind} ${what}`)).toEqual([
      `created ${NAME}.service`,
      `created ${NAME}.timer`,
    ]);
    const notes = await apply();
    expect(readFileSync(join(host.home, ".config/systemd/user", `${NAME}.service`), "utf8")).not.toContain("User=");
    expect(calls().slice(1)).toEqual([
      `${host.home}/run/user/1000 --user daemon-reload`,
      `${host.home}/run/user/1000 --user enable --now ${NAME}.timer`,
    ]);
    expect(notes).toEqual([
      expect.stringMatching(/timers of (\S+) do not run while \1 is logged out: loginctl enable-linger \1/),
    ]);
  });

  test("follow XDG_CONFIG_HOME and XDG_RUNTIME_DIR", async () => {
    const { host, calls } = machine(1000);
    const [directory, XDG_RUNTIME_DIR] = [join(host.home, "settings"), join(host.home, "elsewhere")];
    const moved = { ...host, env: { ...host.env, XDG_CONFIG_HOME: directory, XDG_RUNTIME_DIR } };
    const { apply } = await systemd.prepareInstall(job(), moved, takeOver(job().schedule));
    await apply();
    expect(readdirSync(join(directory, "systemd/user"))).toEqual([`${NAME}.service`, `${NAME}.timer`]);
    expect(calls().at(-1)).toMatch(/\/elsewhere --user enable/);
  });

  test("are written where no manager of theirs runs, and what to do is said", async () => {
    const { host } = machine(1000);
    rmSync(join(host.home, "run/user"), { recursive: true });
    const { apply } = await systemd.prepareInstall(job(), host, takeOver(job().schedule));
    expect(await apply()).toEqual([
      expect.stringMatching(
        /^no systemd user manager of (\S+) is running here \(loginctl enable-linger \1 starts it\); where it is running: cd \S+ && systemctl --user daemon-reload && systemctl --user enable --now pipelinewise-warehouse-redshift-orders\.timer$/,
      ),
    ]);
    expect(readdirSync(join(host.home, ".config/systemd/user"))).toHaveLength(2);
  });
});

test("root's units go into the system's manager, and name root", async () => {
  const { host, calls } = machine(0);
  const prepared = await systemd.prepareInstall(job(), host, takeOver(job().schedule));
  expect(placeOf(prepared)).toEqual({ scope: "system", folder: join(host.home, "etc/systemd/system") });
  expect(await prepared.apply()).toEqual([]);
  expect(readFileSync(join(host.home, "etc/systemd/system", `${NAME}.service`), "utf8")).toMatch(/^User=\S+$/m);
  expect(calls().slice(1)).toEqual([" daemon-reload", ` enable --now ${NAME}.timer`]);
});

test("a timer may start a pipeline that is not due where the pipeline meets a clock change", () => {
  expect(systemd.candidates(job(["30 9 * * *"]))).toEqual([]);
  expect(systemd.candidates(job(["30 1 * * *"]))).toEqual(["redshift/orders/run_tap"]);
});
