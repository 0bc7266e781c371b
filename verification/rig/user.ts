import { chmodSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { SYSTEM_PATH } from "../../test/support/run-program.ts";
import type { PrivateCron } from "./private-cron.ts";

/** A user of a cron machine who is not root. */
export interface OrdinaryUser {
  readonly uid: number;
  readonly home: string;
  /** Runs the built program as this user, with the stand-in for PipelineWise on the PATH. @returns its stdout */
  readonly sched: (words: readonly string[]) => Promise<string>;
  /** Runs the stand-in for PipelineWise as this user. */
  readonly pipelinewise: (words: readonly string[]) => Promise<string>;
}

const NODE = "/usr/bin/node";

/** Adds a user to a machine: he reaches this project, wherever root keeps it, and can read it only. */
export async function addUser(machine: PrivateCron, name: string, uid: number): Promise<OrdinaryUser> {
  const home = join(machine.directory, name);
  const project = join(machine.directory, "project-for-all");
  mkdirSync(home);
  mkdirSync(project);
  chmodSync(machine.directory, 0o711);
  const must = async (words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> => {
    const { code, stdout, stderr } = await machine.run(words, { env });
    if (code !== 0) throw new Error(`${name}: ${words.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
    return stdout;
  };
  await must(["mount", "-o", "bind,ro", resolve("."), project]);
  const entries = [
    `echo '${name}:x:${uid}:${uid}::${home}:/bin/sh' >>/etc/passwd`,
    `echo '${name}:x:${uid}:' >>/etc/group`,
    `echo '${name}:*:20000:0:99999:7:::' >>/etc/shadow`,
    `chown ${uid}:${uid} '${home}'`,
  ];
  await must(["sh", "-c", entries.join(" && ")]);
  const standIn = join(project, "examples/stand-in");
  const asUser = (words: readonly string[]): Promise<string> =>
    must(["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--init-groups", "--", NODE, ...words], {
      HOME: home,
      PATH: `${standIn}:${SYSTEM_PATH}`,
    });
  return {
    uid,
    home,
    sched: (words) => asUser([join(project, "bin/pipelinewise-sched.cjs"), ...words]),
    pipelinewise: (words) => asUser([join(standIn, "pipelinewise"), ...words]),
  };
}
