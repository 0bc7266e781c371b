import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { scheduleFile } from "../../src/storage/paths.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { until, untilFile } from "../support/wait.ts";
import { leaveDeadLock } from "./dead-run.ts";

/**
 * A sandbox with a stand-in for the client `docker`, and an installed schedule that calls it. Its engine has the
 * containers that the files `of-pipeline` and `of-run` list, and it refuses to answer while `refuses` exists.
 *
 * @param run shell script that replaces the container
 */
function engine(run = "exit 0") {
  const box = sandbox();
  const docker = join(box.bin, "docker");
  const script = `#!/bin/sh
case "$3" in
  ps)
    echo asked >> "$HOME/asked"
    if test -e "$HOME/refuses"; then echo "Cannot connect to the Docker daemon" >&2; exit 1; fi
    case "$*" in *label=pipelinewise-sched.run=*) cat "$HOME/of-run" ;; *"/redshift/microserv_1 "*) cat "$HOME/of-pipeline" ;; esac 2>/dev/null
    exit 0 ;;
  run) echo "$*" > "$HOME/argv"
    ${run} ;;
  *) echo "$*" >> "$HOME/calls"; rm -f "$HOME/of-run" "$HOME/of-pipeline"
    if test -e "$HOME/client"; then kill "$(cat "$HOME/client")"; fi ;;
esac
`;
  writeFileSync(docker, script, { mode: 0o755 });
  box.install([anEntry()], { env: { COLOUR: "blue" } }, { command: [docker, "--context", "x", "run", "--rm", "img"] });
  const read = (name: string) => (existsSync(box.file(name)) ? readFileSync(box.file(name), "utf8") : "");
  const write = (name: string, text: string) => writeFileSync(box.file(name), text);
  return { ...box, docker, read, write };
}

const OPTIONS =
  /^--context x run --name pipelinewise-sched-\w+-\w+ --label pipelinewise-sched\.run=\w+ --label pipelinewise-sched\.pipeline=[0-9a-f]{12}\/redshift\/microserv_1 -e COLOUR -e PIPELINEWISE_CONFIG_DIRECTORY -e PIPELINEWISE_SCHED_RUN --rm img run_tap --tap microserv_1 --target redshift\n$/;

describe("a run in a container", () => {
  test("names and labels the container, and passes its variables by name", async () => {
    const { host, read, records, paths } = engine('echo "$COLOUR $PIPELINEWISE_CONFIG_DIRECTORY"');
    expect(await runMain(PAIR_WORDS, host)).toBe(0);
    expect(read("argv")).toMatch(OPTIONS);
    expect(host.out()).toBe(`blue ${paths.configDir}\n`);
    expect(await records()).toMatchObject([{ outcome: "succeeded" }]);
  });

  test("--dry-run shows the command line, and asks no engine", async () => {
    const { host, docker, write } = engine();
    write("refuses", "");
    expect(await runMain([...PAIR_WORDS, "--dry-run"], host)).toBe(0);
    expect(host.out()).toContain(
      `command      ${docker} --context x run --name pipelinewise-sched-RUN-ATTEMPT --label pipelinewise-sched.run=RUN`,
    );
  });

  test.each([
    ["Up 3 minutes", 75],
    ["Up 3 minutes (Paused)", 75],
    ["Restarting (1) 2 seconds ago", 75],
    ["stopping", 75],
    ["Exited (137) 1 second ago", 0],
    ["Removal In Progress", 0],
    ["Dead", 0],
    ["Created", 0],
  ])("that finds a container of its pipeline with the status %s ends with %i", async (status, code) => {
    const { host, read, records, write } = engine();
    write("of-pipeline", `pipelinewise-sched-old ${status}\n`);
    expect(await runMain(PAIR_WORDS, host)).toBe(code);
    expect(read("argv") !== "").toBe(code === 0);
    if (code === 0) return;
    const detail = "is running in the docker container pipelinewise-sched-old, whose wrapper has ended";
    expect(await records()).toMatchObject([{ outcome: "skipped", reason: "overlap", detail }]);
    expect(host.err()).toBe(`skipped (overlap): microserv_1 → redshift ${detail}\n`);
  });

  test("fails if the engine does not answer, and starts nothing", async () => {
    const { host, read, records, write } = engine();
    write("refuses", "");
    expect(await runMain(PAIR_WORDS, host)).toBe(74);
    expect(read("argv")).toBe("");
    expect(await records()).toMatchObject([{ outcome: "failed", exitCode: 74 }]);
    expect(host.err()).toMatch(
      /docker did not carry out `docker .*ps --all .*`: Cannot connect to the Docker daemon\n/,
    );
  });

  test("ends with 127 if the client is missing", async () => {
    const { host, docker, records } = engine();
    rmSync(docker);
    expect(await runMain(PAIR_WORDS, host)).toBe(127);
    expect(await records()).toMatchObject([{ outcome: "failed", exitCode: 127 }]);
  });

  test("ends only when the engine says that the container has ended", async () => {
    const { host, file, read, write } = engine('echo "mine Up 1 second" > "$HOME/of-run"; exit 4');
    let isOver = false;
    const running = runMain(PAIR_WORDS, host).finally(() => {
      isOver = true;
    });
    await untilFile(file("of-run"));
    const askedAgain = async () => {
      const before = read("asked").length;
      await until("the run asks the engine again", () => read("asked").length > before + "asked\n".length);
      expect(isOver).toBe(false);
    };
    await askedAgain();
    write("refuses", "");
    await askedAgain();
    rmSync(file("of-run"));
    await askedAgain();
    rmSync(file("refuses"));
    expect(await running).toBe(4);
  });

  test("is stopped through its engine", async () => {
    const { host, file, read, records } = engine(
      'echo "mine Up 1 second" > "$HOME/of-run"; echo $$ > "$HOME/client"; while :; do sleep 0.1; done',
    );
    const running = runMain(PAIR_WORDS, host, { timing: { graceMs: 600_000, killGraceMs: 600_000 } });
    await untilFile(file("client"));
    host.signals.emit("SIGTERM");
    expect(await running).toBe(143);
    expect(read("calls")).toMatch(/^--context x stop -t 600 pipelinewise-sched-\w+-\w+\n$/);
    expect(await records()).toMatchObject([{ outcome: "stopped" }]);
  });
});

describe("exit codes of the engine and of the pipeline", () => {
  const NO_PROGRAM = "docker: Error response from daemon: exec: not found in $PATH";
  test.each([
    { what: "code 125 of the engine", run: "echo 'docker: invalid reference' >&2; exit 125", code: 74 },
    { what: "code 125 after a wrong option", run: "echo 'unknown flag: --bogus' >&2; exit 125", code: 74 },
    { what: "code 126 of the engine", run: "echo 'Error: runc: permission denied' >&2; exit 126", code: 126 },
    { what: "code 127 of the engine", run: `echo '${NO_PROGRAM}' >&2; exit 127`, code: 127 },
  ])("$what means that nothing was started", async ({ run, code }) => {
    const { host, records } = engine(run);
    expect(await runMain(PAIR_WORDS, host)).toBe(code);
    const detail = expect.stringMatching(/^docker could not start the container \(exit code 12[567]\): \S/);
    expect(await records()).toMatchObject([{ outcome: "failed", exitCode: code, detail }]);
  });

  test.each([
    { what: "code 127 of the pipeline", run: "echo 'sh: mbuffer: not found' >&2; exit 127", code: 127 },
    { what: "code 126 of the pipeline", run: "exit 126", code: 126 },
    {
      what: "code 125 of a client that lost its engine",
      run: "echo 'docker: error waiting for container: EOF' >&2; exit 125",
      code: 125,
    },
  ])("$what is a failure of the run", async ({ run, code }) => {
    const { host, records } = engine(run);
    expect(await runMain(PAIR_WORDS, host)).toBe(code);
    const [record] = await records();
    expect(record).toMatchObject({ outcome: "failed", exitCode: code });
    expect(record?.detail).toBeUndefined();
    expect(host.err()).toContain(`failed with exit code ${code}`);
  });
});

describe("a container whose wrapper is dead, with processes that this user does not see", () => {
  const orphan = async () => {
    const box = engine();
    leaveDeadLock(box.paths);
    box.write("of-pipeline", "orphan Up 5 minutes\n");
    return box;
  };

  test("is shown by status and unlock, which keep its lock", async () => {
    const { host } = await orphan();
    expect(await main(["unlock", ...PAIR_WORDS], host)).toBe(75);
    expect(host.out()).toContain(
      "microserv_1 → redshift: ALIVE: it is running in the docker container orphan, whose wrapper has ended. To stop it:",
    );
    expect(host.out()).not.toContain("cleared");
    expect(await main(["status"], host)).toBe(0);
    expect(host.err()).toContain(
      "warning: microserv_1 → redshift is running in the docker container orphan, whose wrapper has ended. To stop it: pipelinewise-sched stop --tap microserv_1 --target redshift\n",
    );
  });

  test("is stopped by stop", async () => {
    const { host, read, records } = await orphan();
    expect(await main(["stop", ...PAIR_WORDS], host)).toBe(0);
    expect(read("calls")).toBe("--context x stop -t 30 orphan\n");
    expect(host.out()).toContain("has ended; its wrapper had already died, so the run is recorded as lost");
    expect(await records()).toMatchObject([{ outcome: "lost" }]);
  });

  test("causes the next start to be skipped, and its own run is recorded as lost", async () => {
    const { host, records } = await orphan();
    expect(await runMain(PAIR_WORDS, host)).toBe(75);
    expect(await records()).toMatchObject([{ outcome: "skipped", reason: "overlap" }, { outcome: "lost" }]);
  });

  test.each(["stop", "unlock"])("is found by %s although another schedule cannot be read", async (command) => {
    const { host, paths } = await orphan();
    writeFileSync(scheduleFile(paths, "torn"), '{"version', { mode: 0o600 });
    await main([command, ...PAIR_WORDS], host);
    expect(`${host.out()}${host.err()}`).toContain("container orphan, whose wrapper has ended");
    expect(host.err().match(/^warning: cannot look for the containers of one schedule: .*torn\.json/gm)).toHaveLength(
      1,
    );
  });

  test("is an error of stop if the engine does not answer", async () => {
    const { host, write } = await orphan();
    write("refuses", "");
    expect(await main(["stop", ...PAIR_WORDS], host)).toBe(74);
    expect(host.err()).toContain("Cannot connect to the Docker daemon");
  });
});
