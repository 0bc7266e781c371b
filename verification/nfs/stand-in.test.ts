import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ended, runToEnd, runWell, SYSTEM_PATH } from "../../test/support/run-program.ts";
import { untilFile } from "../../test/support/wait.ts";
import { STAND_IN } from "./stand-in.ts";

test.each([
  ["", "mkdir"],
  ["", "cat"],
  [", and whose rm fails", "cat"],
])("a stand-in%s does not count as running after a SIGTERM in its %s", async (failure, program) => {
  const directory = mkdtempSync(join(tmpdir(), "pws-stand-in-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = (name: string): string => join(directory, name);
  writeFileSync(file("pipelinewise"), STAND_IN, { mode: 0o755 });
  writeFileSync(file("limit"), "1");
  // The program does its work, and then waits until the test has sent the signal.
  const slow = `#!/bin/sh\nPATH=${SYSTEM_PATH}\n${program} "$@"\n: >begun\nwhile ! [ -e go-on ]; do sleep 0.02; done\n`;
  writeFileSync(file(program), slow, { mode: 0o755 });
  // Fails only for the stand-in that gets the signal, which passes its PATH on.
  if (failure !== "") writeFileSync(file("rm"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  const start = (tap: string) => [file("pipelinewise"), "run_tap", "--tap", tap, "--target", "dwh"] as const;

  const [command, ...args] = start("killed");
  const child = spawn(command, args, { env: { PATH: `${directory}:${SYSTEM_PATH}` }, stdio: "ignore" });
  const end = ended(child);
  await untilFile(file("begun"));
  child.kill("SIGTERM");
  writeFileSync(file("go-on"), "");
  await end;

  const left = readdirSync(directory).filter((name) => name.startsWith("inside-"));
  expect(left).toEqual(failure === "" ? [] : ["inside-killed"]);
  await runWell(start("other"));
  await runWell(start("killed"));
  // As the program's own `status` asks PipelineWise.
  expect(await runToEnd([file("pipelinewise"), "status"])).toMatchObject({ code: 1, stdout: "", stderr: "" });
  expect(readFileSync(file(`notes-${hostname()}`), "utf8")).toBe("stopped: killed\nother\nkilled\n");
  expect(existsSync(file("inside-killed"))).toBe(false);
});
