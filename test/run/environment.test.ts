import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { EnvironmentPlan } from "../../src/run/plan.ts";
import { parseEnvFile, readEnvironment } from "../../src/run/process/environment.ts";
import { tempFolder, testHost } from "../support/host.ts";

/** `${kind:of}` as it stands in a schedule. */
const reference = (kind: string, of: string) => ["$", `{${kind}:${of}}`].join("");

function surroundings(plan: Partial<EnvironmentPlan> = {}) {
  const folder = tempFolder();
  const host = testHost();
  return {
    folder,
    host,
    file: (name: string, text: string, mode = 0o600) => {
      writeFileSync(join(folder, name), text, { mode });
      return join(folder, name);
    },
    read: async (more: Partial<EnvironmentPlan> = {}, env: Record<string, string> = {}) => {
      const changes = await readEnvironment({ values: {}, folder, ...plan, ...more }, "/cfg", {
        env: { ...host.env, ...env },
        uid: host.uid,
      });
      return Object.fromEntries(changes.map(({ name, value, secret }) => [name, secret ? `secret ${value}` : value]));
    },
  };
}

test("the schedule's values go over env_file, and the config directory over all", async () => {
  const { read, file } = surroundings();
  const vars = file("vars", "A=1\nB=2\nPIPELINEWISE_CONFIG_DIRECTORY=/other\n");
  expect(await read({ file: vars, values: { B: "3" } })).toEqual({
    A: "secret 1",
    B: "3",
    PIPELINEWISE_CONFIG_DIRECTORY: "/cfg",
  });
});

test("references are read now: files without their last newline, variables of ours and of env_file", async () => {
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

test("PIPELINEWISE_HOME is what install found, unless our own environment says", async () => {
  const { read } = surroundings({ pipelinewiseHome: "/opt/pw" });
  expect(await read()).toMatchObject({ PIPELINEWISE_HOME: "/opt/pw" });
  expect(await read({}, { PIPELINEWISE_HOME: "/mine" })).not.toHaveProperty("PIPELINEWISE_HOME");
});

describe("what is missing is named, and no value shown", () => {
  test("a variable", async () => {
    const { read } = surroundings();
    await expect(read({ values: { PW: reference("env", "NOPE") } })).rejects.toThrow(
      "env.PW: the variable NOPE is not set",
    );
  });

  test("a file", async () => {
    const { read, folder } = surroundings();
    await expect(read({ values: { PW: reference("file", "nope") } })).rejects.toThrow(
      `env.PW: cannot read ${folder}/nope: it does not exist`,
    );
  });

  test("env_file", async () => {
    const { read, folder } = surroundings();
    await expect(read({ file: `${folder}/nope` })).rejects.toThrow(/env_file .*nope: it does not exist/);
  });

  test("a value with a zero byte", async () => {
    const { read, file } = surroundings();
    file("zero", "a\0b");
    await expect(read({ values: { Z: reference("file", "zero") } })).rejects.toThrow(
      "env.Z: the value contains a zero byte",
    );
  });
});

test.each([0o640, 0o604, 0o620])("an env_file of mode %o is refused, with the remedy", async (mode) => {
  const { read, file } = surroundings();
  const path = file("vars", "A=1\n");
  chmodSync(path, mode);
  await expect(read({ file: path })).rejects.toMatchObject({
    exitCode: 74,
    hint: `Protect its secrets: chmod 600 ${path}`,
  });
});

describe("parseEnvFile", () => {
  test("reads KEY=VALUE, comments, quotes and Windows line ends", () => {
    const text = "# c\n\nA=1\r\nexport B = no\n".replace("B = no", "B=two words # not a comment");
    expect([...parseEnvFile(`${text}C="x y"\nD='it\\'\nE=\nF=a=b\n`, "/f")]).toEqual([
      ["A", "1"],
      ["B", "two words # not a comment"],
      ["C", "x y"],
      ["D", "it\\"],
      ["E", ""],
      ["F", "a=b"],
    ]);
  });

  test.each(["KEY", "1A=b", "A B=c", 'A="open', "=x"])("refuses %j by its line, and does not show it", (line) => {
    expect(() => parseEnvFile(`OK=1\n${line}\n`, "/f")).toThrow("/f:2: this line is not KEY=VALUE");
    expect(() => parseEnvFile("A B=hunter2\n", "/f")).not.toThrow(/hunter2/);
  });
});
