import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { StoredEntry } from "../src/installed/schedule.ts";
import { pipelineProcesses, sendSignal } from "../test/support/processes.ts";
import { ended, type Finished, runToEnd, runWell, SYSTEM_PATH } from "../test/support/run-program.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../test/support/sandbox.ts";
import { poll, waitFor } from "../test/support/wait.ts";
import { lackingForContainers } from "./rig/needs.ts";
import { packageDirectory, packageVersion } from "./rig/packages.ts";
import { describeOn } from "./rig/suite.ts";

const PROGRAM = [process.execPath, resolve("bin/pipelinewise-sched.cjs")];
const WAIT_MS = 60_000;

/** Replaces PipelineWise in the container. The test writes its commands to the file `work` in the config directory. */
const PIPELINEWISE = `#!/bin/sh
if test "$1" = status; then exit 0; fi
cd "$PIPELINEWISE_CONFIG_DIRECTORY"
echo "$COLOUR $*" >> rows
echo "wrote a row"
. ./work
`;
/** The first process of a container ignores signals for which it has no handler. */
const STUBBORN = "while :; do sleep 0.2; done";
const GRACEFUL = `trap 'echo stopped by a signal; exit 1' TERM; ${STUBBORN}`;

interface RigOptions {
  /** Shell script that the container runs after it has written a row. */
  readonly work: string;
  readonly entry?: Partial<StoredEntry>;
  /** Options of `podman run`. */
  readonly options?: readonly string[];
  readonly program?: string;
}

/** A sandbox whose installed schedule runs PipelineWise in a podman with a storage of its own. */
function containerRig({ work, entry = {}, options = [], program = "/bin/pipelinewise" }: RigOptions) {
  const box = sandbox();
  const { home, file, paths } = box;
  const [image, storage] = [file("image"), file("podman")];
  mkdirSync(join(image, "bin"), { recursive: true });
  mkdirSync(join(image, "tmp"));
  cpSync(join(packageDirectory("bookworm", "busybox-static"), "bin/busybox"), join(image, "bin/busybox"));
  for (const name of ["sh", "sleep"]) symlinkSync("busybox", join(image, "bin", name));
  writeFileSync(join(image, "bin/pipelinewise"), PIPELINEWISE, { mode: 0o755 });
  writeFileSync(join(image, "bin/data"), "no program\n");
  writeFileSync(join(paths.configDir, "work"), `${work}\n`);
  const secrets = file("secrets.env");
  writeFileSync(secrets, "COLOUR=ultramarine\n", { mode: 0o600 });
  const engine = [
    ...["/usr/bin/podman", "--root", join(storage, "root"), "--runroot", join(storage, "run")],
    ...["--storage-driver", "vfs", "--runtime", "runc", "--cgroup-manager=cgroupfs"],
  ];
  const limits = ["--network=none", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"];
  const command = [
    ...engine,
    "run",
    "--rm",
    ...limits,
    `--volume=${home}:${home}`,
    ...options,
    "--rootfs",
    image,
    program,
  ];
  box.install([anEntry(entry)], { envFile: secrets }, { command });
  const env = { HOME: home, PATH: SYSTEM_PATH, PIPELINEWISE_SCHED_HOST: "testhost" };
  const names = async () =>
    (await runWell([...engine, "ps", "--filter", "label=pipelinewise-sched.run", "--format", "{{.Names}}"]))
      .split("\n")
      .slice(0, -1);
  onTestFinished(async () => {
    for (const name of await names()) await runToEnd([...engine, "kill", name]);
    try {
      await waitFor("the removal of the containers", WAIT_MS, async () => {
        const left = await runWell([...engine, "ps", "--all", "--quiet"]);
        return left === "" ? true : undefined;
      });
    } finally {
      await runToEnd([...engine, "rm", "--force", "--all"]);
    }
  }, 2 * WAIT_MS);
  const rows = () =>
    existsSync(join(paths.configDir, "rows")) ? readFileSync(join(paths.configDir, "rows"), "utf8") : "";
  const sched = (...words: readonly string[]): Promise<Finished> =>
    runToEnd([...PROGRAM, ...words], { env, cwd: home });
  return {
    ...box,
    names,
    sched,
    run: (...words: readonly string[]) => sched("run", ...PAIR_WORDS, ...words),
    rows,
    /** Starts a run, and waits until its container has written a row. */
    async start(...words: readonly string[]) {
      const before = rows();
      const [node = "", ...args] = [...PROGRAM, "run", ...PAIR_WORDS, ...words];
      const child = spawn(node, args, { env, cwd: home, stdio: "ignore" });
      const end = ended(child);
      const { pid } = child;
      if (pid === undefined) throw new Error("the run cannot be started");
      await waitFor("a row of the container", WAIT_MS, () => (rows() === before ? undefined : true));
      const [name = ""] = await names();
      const client = pipelineProcesses(pid).find((one) => readFileSync(`/proc/${one}/comm`, "utf8") === "podman\n");
      if (client === undefined) throw new Error("the client of the container was not found");
      return { pid, client, name, code: end.then(({ code }) => code) };
    },
  };
}

describeOn(
  {
    name: "podman",
    present: packageVersion("bookworm", "busybox-static") !== undefined,
    lacking: lackingForContainers(),
  },
  "PipelineWise in a container",
  () => {
    test("gets its environment and the config directory, and its output reaches the log", async () => {
      const { run, rows, logText, names } = containerRig({ work: "exit 0" });
      expect(await run()).toMatchObject({ code: 0, stdout: "wrote a row\n", stderr: "" });
      expect(rows()).toBe("ultramarine run_tap --tap microserv_1 --target redshift\n");
      expect(logText()).toBe("wrote a row\n");
      expect(await names()).toEqual([]);
    });

    test.each([
      { what: "PipelineWise's own code", rig: { work: "exit 3" }, code: 3 },
      { what: "127 of PipelineWise", rig: { work: "exit 127" }, code: 127 },
      { what: "no such program", rig: { work: "", program: "/bin/nothing" }, code: 127, fault: "(exit code 127)" },
      { what: "no executable program", rig: { work: "", program: "/bin/data" }, code: 126, fault: "(exit code 126)" },
      { what: "a wrong option", rig: { work: "", options: ["--no-such"] }, code: 74, fault: "(exit code 125)" },
    ])("$what is told apart", async ({ rig, code, fault }) => {
      const { run, records } = containerRig(rig);
      const { code: ownCode, stderr } = await run();
      expect(ownCode).toBe(code);
      expect(stderr).toContain(fault === undefined ? `failed with exit code ${code}` : fault);
      expect(await records()).toMatchObject([{ outcome: "failed", exitCode: code }]);
    });

    test("keeps its lock when the client is killed, and is stopped through the engine", async () => {
      const { start, run, sched, names, records } = containerRig({ work: GRACEFUL });
      const { client, name, code } = await start();
      const visible = readFileSync(`/proc/${client}/cmdline`, "utf8");
      expect(visible).toContain(name);
      expect(visible).not.toContain("ultramarine");
      sendSignal(client, "SIGKILL");
      expect(await run()).toMatchObject({ code: 75, stderr: expect.stringContaining("skipped (overlap)") });
      expect(await names()).toEqual([name]);
      const stop = await sched("stop", ...PAIR_WORDS);
      expect(stop).toMatchObject({
        code: 0,
        stderr: expect.stringContaining(`asked podman to stop the container ${name}`),
      });
      expect(await code).toBe(143);
      expect(await names()).toEqual([]);
      expect(await records()).toMatchObject([{ outcome: "stopped" }, { outcome: "skipped" }]);
    });

    test("is stopped by a timeout, although its program ignores the signal", async () => {
      const { run, names, records } = containerRig({ work: STUBBORN, entry: { policies: { timeoutMs: 1_000 } } });
      expect(await run("--kill-after", "3")).toMatchObject({ code: 124 });
      expect(await names()).toEqual([]);
      expect(await records()).toMatchObject([{ outcome: "timed-out" }]);
    });

    test("makes the next start a skip after wrapper and client were killed, until stop ends it", async () => {
      const { start, run, sched, names, records } = containerRig({ work: STUBBORN });
      const { pid, client, name, code } = await start();
      for (const victim of [pid, client]) sendSignal(victim, "SIGKILL");
      await code;
      const next = await run();
      expect(next).toMatchObject({ code: 75, stderr: expect.stringContaining("its pipeline is still running") });
      expect(await sched("unlock", ...PAIR_WORDS)).toMatchObject({
        code: 75,
        stdout: expect.stringContaining("ALIVE"),
      });
      const stop = await sched("stop", "--now", ...PAIR_WORDS);
      expect(stop).toMatchObject({
        code: 0,
        stderr: expect.stringContaining(`asked podman to kill the container ${name}`),
      });
      expect(await names()).toEqual([]);
      // The end of a lost run is its last heartbeat, in whole seconds, so the two may come in either order.
      expect((await records()).map(({ outcome }) => outcome).sort()).toEqual(["lost", "skipped"]);
    });

    test("is found by its label if its processes cannot be found by their run token", async () => {
      const { start, run, sched, names } = containerRig({
        work: STUBBORN,
        // As with an engine on another machine, or of another user.
        options: ["--env=PIPELINEWISE_SCHED_RUN=hidden"],
      });
      const { pid, client, name, code } = await start();
      for (const victim of [pid, client]) sendSignal(victim, "SIGKILL");
      await code;
      const detail = `is running in the podman container ${name}, whose wrapper has ended`;
      expect(await run()).toMatchObject({ code: 75, stderr: expect.stringContaining(detail) });
      expect(await sched("status")).toMatchObject({ stderr: expect.stringContaining(detail) });
      expect(await sched("stop", "--now", ...PAIR_WORDS)).toMatchObject({ code: 0 });
      expect(await names()).toEqual([]);
      const again = start();
      await poll(names, (now) => now.length > 0);
      expect(await names()).not.toEqual([name]);
      await sched("stop", "--now", ...PAIR_WORDS);
      expect(await (await again).code).toBe(143);
    });
  },
);
