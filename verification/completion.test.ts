import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import type { SCRIPTS } from "../src/cli/completion/scripts.ts";
import { ended, SYSTEM_PATH } from "../test/support/run-program.ts";
import { anEntry, sandbox } from "../test/support/sandbox.ts";
import { until } from "../test/support/wait.ts";
import { inCi, lackingForCompletion } from "./rig/needs.ts";

const PROMPT = "ready> ";
/** The Tab key. */
const TAB = "\t";

type Shell = keyof typeof SCRIPTS;

/** For each shell: how it starts on a terminal without the settings of the user, and what its user writes. */
const SHELLS: Readonly<Record<Shell, { readonly start: string; readonly setup: string }>> = {
  bash: {
    start: "bash --noprofile --rcfile setup -i",
    setup: `source <(pipelinewise-sched completion bash)\nPS1='${PROMPT}'`,
  },
  zsh: {
    start: "zsh -d -i",
    setup: `autoload -Uz compinit && compinit -D\nsource <(pipelinewise-sched completion zsh)\nPS1='${PROMPT}'`,
  },
  fish: {
    start: "fish --no-config -C 'source setup'",
    setup: `pipelinewise-sched completion fish | source\nfunction fish_prompt; echo -n '${PROMPT}'; end`,
  },
};

/** A home in which pipelines are installed. Its `pipelinewise-sched` writes its arguments down; only completion works. */
function home(shell: Shell) {
  const box = sandbox();
  box.install([anEntry(), anEntry({ tap: "orders" }), anEntry({ tap: "orders", target: "snowflake" })]);
  box.install([anEntry({ tap: "weekly", target: "bigquery" })], { name: "reports" });
  writeFileSync(box.file("nightly schedule.yml"), "");
  mkdirSync(box.file("project"));
  const { setup } = SHELLS[shell];
  writeFileSync(box.file("setup"), `${setup}\n`);
  writeFileSync(box.file(".zshrc"), `${setup}\n`);
  const program = `exec "${process.execPath}" "${resolve("bin/pipelinewise-sched.cjs")}" "$@"`;
  writeFileSync(
    join(box.bin, "pipelinewise-sched"),
    `#!/bin/sh\ncase $1 in complete | completion) ${program} ;; esac\nprintf '%s\\n' "$@" >called.new && mv called.new called\n`,
    { mode: 0o755 },
  );
  return { ...box, env: { HOME: box.home, PATH: `${box.bin}:${SYSTEM_PATH}`, TERM: "xterm", LC_ALL: "C.UTF-8" } };
}

/** Types a command line into a shell on a terminal. @returns the arguments with which the shell calls the program */
async function typeLine(shell: Shell, line: string): Promise<readonly string[]> {
  const { env, file, home: cwd } = home(shell);
  const child = spawn("script", ["-qefc", SHELLS[shell].start, "/dev/null"], { env, cwd, stdio: "pipe" });
  let shown = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
  });
  const end = ended(child);
  try {
    await until(`${shell} shows its prompt`, () => shown.includes(PROMPT));
    child.stdin.write(`pipelinewise-sched ${line}\r`);
    await until(`${shell} calls the program: ${shown}`, () => existsSync(file("called")));
    child.stdin.write("exit\r");
    await end;
    expect(shown).not.toContain("does not exist");
    return readFileSync(file("called"), "utf8").trimEnd().split("\n");
  } finally {
    child.kill();
  }
}

/** A skip that is a failure in CI. */
function needShells(skip: (reason: string) => void): void {
  const lacking = lackingForCompletion();
  if (lacking === undefined) return;
  if (inCi) throw new Error(lacking);
  skip(lacking);
}

describe.each(["bash", "zsh", "fish"] as const)("Tab in %s", (shell) => {
  test.for([
    ["a command", `hist${TAB}`, ["history"]],
    ["an option", `history --outc${TAB}failed`, ["history", "--outcome", "failed"]],
    [
      "a tap and its only target",
      `run --tap mic${TAB}--target ${TAB}`,
      ["run", "--tap", "microserv_1", "--target", "redshift"],
    ],
    ["a value after =", `run --tap=micro${TAB}`, ["run", "--tap=microserv_1"]],
    ["a schedule", `tend --schedule rep${TAB}`, ["tend", "--schedule", "reports"]],
    ["a subcommand", `alerts se${TAB}--name rep${TAB}`, ["alerts", "send", "--name", "reports"]],
    ["a scheduler", `install --on air${TAB}`, ["install", "--on", "airflow"]],
    ["the name of a file", `validate night${TAB}`, ["validate", "nightly schedule.yml"]],
    ["the name of a directory", `import --dir pro${TAB}src`, ["import", "--dir", "project/src"]],
  ] as const)("completes %s", async ([, line, called], { skip }) => {
    needShells(skip);
    expect(await typeLine(shell, line)).toEqual(called);
  });

  test("shows no message if the config directory does not exist", async ({ skip }) => {
    needShells(skip);
    expect(await typeLine(shell, `run --config-dir /missing --tap ${TAB}orders`)).toEqual([
      "run",
      "--config-dir",
      "/missing",
      "--tap",
      "orders",
    ]);
  });
});
