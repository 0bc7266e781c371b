import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { besideDataDiffFacts } from "../pipelinewise/beside.ts";
import { holdToContract } from "../pipelinewise/contract.ts";
import { dataDiffFacts } from "../pipelinewise/data-diff.ts";
import type { Dialect } from "../pipelinewise/dialect.ts";
import { Sandbox } from "../pipelinewise/sandbox.ts";

const program = resolve("examples/stand-in/pipelinewise");

describe.each<Dialect>(["0.76.7", "0.81.1"])("the stand-in for %s, not PipelineWise", (dialect) => {
  holdToContract(program, dialect);

  test("Fastsync writes state.json in place before 0.79 and replaces it since", async () => {
    const sandbox = new Sandbox(program, {}, { dialect });
    const inode = () => statSync(join(sandbox.tapDirectory, "state.json")).ino;
    const before = inode();
    expect((await sandbox.run("sync_tables", "--tap", "orders", "--target", "dwh")).code).toBe(0);
    expect(inode() === before).toBe(dialect === "0.76.7");
  });
});

describe("data-diff checks of the stand-in for 0.81.1, not PipelineWise", () =>
  dataDiffFacts((behaviour, types) => new Sandbox(program, behaviour, { ...types, dialect: "0.81.1" })));

describe("our program beside data-diff checks of the stand-in, not PipelineWise", () =>
  besideDataDiffFacts((behaviour, types) => new Sandbox(program, behaviour, { ...types, dialect: "0.81.1" })));

describe("STAND_IN_VERSION", () => {
  test("is 0.76.7 where nobody has set it", async () => {
    const { stdout } = await new Sandbox(program).run("--version");
    expect(stdout).toContain("PipelineWise 0.76.7 - Command Line Interface (stand-in for PipelineWise");
  });

  test("of any other version is an error that names the known ones, with 2", async () => {
    const unknown = "0.64.1" as Dialect;
    expect(await new Sandbox(program, {}, { dialect: unknown }).run("status")).toMatchObject({
      code: 2,
      stdout: "",
      stderr: 'STAND_IN_VERSION is "0.64.1". Set it to 0.76.7 or 0.81.1, or unset it for 0.76.7.\n',
    });
  });
});
