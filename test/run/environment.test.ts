import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { EnvironmentPlan } from "../../src/run/plan.ts";
import { type EnvironmentFault, readEnvironment } from "../../src/run/process/environment.ts";
import { tempDirectory, testHost } from "../support/host.ts";

/** `${kind:of}` as it stands in a schedule. */
const reference = (kind: string, of: string) => ["$", `{${kind}:${of}}`].join("");

function surroundings(plan: Partial<EnvironmentPlan> = {}) {
  const directory = tempDirectory();
  const host = testHost();
  return {
    directory,
    host,
    file: (name: string, text: string, mode = 0o600) => {
      writeFileSync(join(directory, name), text, { mode });
      return join(directory, name);
    },
    read: async (more: Partial<EnvironmentPlan> = {}, env: Record<string, string> = {}) => {
      const changes = await readEnvironment({ values: {}, directory, ...plan, ...more }, "/cfg", {
        env: { ...host.env, ...env },
        uid: host.uid,
      });
      return Object.fromEntries(changes.map(({ name, value, secret }) => [name, secret ? `secret ${value}` : value]));
    },
  };
}

test("the schedule's values replace those of env_file, and the config directory replaces both", async () => {
  const { read, file } = surroundings();
  const vars = file("vars", "A=1\nB=2\nPIPELINEWISE_CONFIG_DIRECTORY=/other\n");
  expect(await read({ file: vars, values: { B: "3" } })).toEqual({
    A: "secret 1",
    B: "3",
    PIPELINEWISE_CONFIG_DIRECTORY: "/cfg",
  });
});

test("references are resolved at the start: files without their last newline, and variables of the wrapper and of env_file", async () => {
  const { read, file } = surroundings();
  file("password", "hunter2\n");
  const values = {
    URL: `db://u:${reference("file", "password")}@${reference("env", "DB_HOST")}/${reference("env", "NAME")}`,
    PLAIN: reference("other", "x"),
  };
  expect(await read({ file: file("vars", "NAME=main\n"), values }, { DB_HOST: "db1" })).toMatchObject({
    URL: "secret db://u:hunter2@db1/main",
    PLAIN: reference("other", "x"),
  });
});

test("PIPELINEWISE_HOME is the one that install found, unless the wrapper's environment sets it", async () => {
  const { read } = surroundings({ pipelinewiseHome: "/opt/pw" });
  expect(await read()).toMatchObject({ PIPELINEWISE_HOME: "/opt/pw" });
  expect(await read({}, { PIPELINEWISE_HOME: "/mine" })).not.toHaveProperty("PIPELINEWISE_HOME");
});

describe("an error names what is missing and shows no value:", () => {
  test("a variable", async () => {
    const { read } = surroundings();
    await expect(read({ values: { PW: reference("env", "NOPE") } })).rejects.toThrow(
      "env.PW: the variable NOPE is not set",
    );
  });

  test("a file", async () => {
    const { read, directory } = surroundings();
    await expect(read({ values: { PW: reference("file", "nope") } })).rejects.toThrow(
      `env.PW: cannot read ${directory}/nope: it does not exist`,
    );
  });

  test("env_file", async () => {
    const { read, directory } = surroundings();
    await expect(read({ file: `${directory}/nope` })).rejects.toThrow(/env_file .*nope: it does not exist/);
  });

  test("a value with a zero byte", async () => {
    const { read, file } = surroundings();
    file("zero", "a\0b");
    await expect(read({ values: { Z: reference("file", "zero") } })).rejects.toThrow(
      "env.Z: the value contains a zero byte",
    );
  });
});

test.each([0o640, 0o604, 0o620])("an env_file of mode %o is refused with a hint", async (mode) => {
  const { read, file } = surroundings();
  const path = file("vars", "A=1\n");
  chmodSync(path, mode);
  await expect(read({ file: path })).rejects.toMatchObject({
    exitCode: 74,
    hint: `Protect its secrets: chmod 600 ${path}`,
  });
});

test.each(["env_file", "file"])("a %s that is not UTF-8 is refused, and no byte is replaced", async (kind) => {
  const { read, directory } = surroundings();
  const path = join(directory, "latin1");
  writeFileSync(path, Buffer.from("A=p\u00e4ss\n", "latin1"), { mode: 0o600 });
  const plan = kind === "env_file" ? { file: path } : { values: { A: reference("file", path) } };
  await expect(read(plan)).rejects.toThrow(`${path} is not valid UTF-8`);
});

test("a variable of the wrapper that is not UTF-8 is refused", async () => {
  const { read } = surroundings();
  const values = { A: reference("env", "LATIN1") };
  await expect(read({ values }, { LATIN1: "p\ufffdss" })).rejects.toThrow(
    "env.A: the variable LATIN1 is not valid UTF-8",
  );
});

test("the error about a value that is too long for a variable names the variable", async () => {
  const { read, file } = surroundings();
  const values = { A: reference("file", file("big", "x".repeat(131_072))) };
  await expect(read({ values })).rejects.toThrow("env.A: the value is longer than a variable can be (128 KiB)");
});

test("a byte order mark at the beginning of an env_file is not part of the first name", async () => {
  const { read, file } = surroundings();
  expect(await read({ file: file("vars", "\ufeffA=1\n") })).toMatchObject({ A: "secret 1" });
});

test("all problems are reported to onFault, and a variable that an unreadable env_file may set is not a problem", async () => {
  const { directory, host, file } = surroundings();
  const plan = {
    directory,
    file: file("vars", "A B=hunter2\n"),
    values: { A: reference("file", "none"), B: reference("env", "FROM_FILE"), C: "plain" },
  };
  const faults: EnvironmentFault[] = [];
  await readEnvironment(plan, "/cfg", host, (fault) => void faults.push(fault));
  expect(faults.map(({ key, error }) => [key.join("."), error.message])).toEqual([
    ["env_file", `${join(directory, "vars")}:1: this line is not KEY=VALUE, or its closing quote is missing`],
    ["env.A", `env.A: cannot read ${join(directory, "none")}: it does not exist`],
  ]);
});
