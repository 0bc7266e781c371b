import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Limits } from "../../../src/policies.ts";
import { ended, type Finished, runToEnd } from "../../support/run-program.ts";
import { anEntry, sandbox } from "../../support/sandbox.ts";
import { poll } from "../../support/wait.ts";

/**
 * Replaces PipelineWise. It notes its begin and its end. It runs until the file `go-TAP` exists, or only briefly if the
 * file `short` exists. Each pipeline holds one of N kernel locks; N is in the file `places`. It reports if none is
 * free, because more pipelines are then running than the limit allows.
 */
const PIPELINE = `[ "$1" = status ] && exit 1
cd "$HOME"
tap=$3
found=
for place in $(seq "$(cat places)"); do
  exec 9>>"inside-$place"
  if flock -n 9; then found=$place; break; fi
done
[ -n "$found" ] || echo "too many: $tap" >>notes
echo "began $tap" >>notes
[ ! -e short ] || sleep 0.2
while [ ! -e short ] && [ ! -e "go-$tap" ] && [ ! -e go ]; do sleep 0.05; done
echo "ended $tap" >>notes`;

export interface Start {
  readonly child: ChildProcess;
  readonly done: Promise<Finished>;
}

/** An installed schedule with limits, in a sandbox where the built program starts its pipelines. */
export function limited(
  taps: readonly string[],
  limits: Partial<Limits>,
  { source }: { readonly source?: string } = {},
) {
  const box = sandbox(PIPELINE);
  const all: Limits = { target: {}, source: {}, queueMs: 600_000, ...limits };
  const entries = taps.map((tap) => anEntry({ tap, source }));
  box.install(entries, { limits: all }, { machineZone: "UTC" });
  writeFileSync(box.file("places"), String(all.target["redshift"] ?? all.host ?? 99));
  const env = { ...box.host.env, PIPELINEWISE_SCHED_HOST: "testhost" };
  const words = (command: string, tap: string) => [
    ...[process.execPath, box.host.program, command],
    ...["--tap", tap, "--target", "redshift"],
  ];
  const notes = (): readonly string[] =>
    existsSync(box.file("notes")) ? readFileSync(box.file("notes"), "utf8").split("\n").slice(0, -1) : [];
  const filesIn = (...path: readonly string[]): readonly string[] => {
    const directory = join(box.paths.root, "limits", ...path);
    return existsSync(directory) ? readdirSync(directory).sort() : [];
  };
  return {
    box,
    notes,
    filesIn,
    queued: () => filesIn("queue").length,
    start(tap: string, more: readonly string[] = []): Start {
      const [program = "", ...args] = [...words("run", tap), ...more];
      const child = spawn(program, args, { env, cwd: box.home, stdio: ["ignore", "pipe", "pipe"], detached: true });
      const said = { stdout: "", stderr: "" };
      child.stdout?.setEncoding("utf8").on("data", (text: string) => {
        said.stdout += text;
      });
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        said.stderr += text;
      });
      return { child, done: ended(child).then((end) => ({ ...end, ...said })) };
    },
    /** Lets a pipeline end, or all of them. */
    go: (tap?: string) => writeFileSync(box.file(tap === undefined ? "go" : `go-${tap}`), ""),
    call: (command: string, tap: string, more: readonly string[] = []) =>
      runToEnd([...words(command, tap), ...more], { env, cwd: box.home }),
    untilBegan: (tap: string) => poll(notes, (all) => all.includes(`began ${tap}`)),
    untilQueued: (count: number) =>
      poll(
        () => filesIn("queue").length,
        (found) => found === count,
      ),
  };
}
