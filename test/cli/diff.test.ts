import { expect, test } from "vitest";
import { fakeMachine } from "../support/fake-machine.ts";

test("ends with 1 when install would change something, and with 0 when not", async () => {
  const machine = fakeMachine({ crontab: "a\n" });
  const before = await machine.run("diff");
  expect(before).toMatchObject({ code: 1, out: expect.stringContaining("+# Sync every 5 minutes") });
  expect([machine.crontab.text(), machine.stored()]).toEqual(["a\n", []]);
  expect((await machine.run("install")).out).toBe(before.out);
  expect(await machine.run("diff")).toMatchObject({ code: 0, out: "" });
});

test("shows the changes of the crontab as a diff and the other changes as a list", async () => {
  const machine = fakeMachine();
  await machine.run("install");
  machine.put(
    "schedule.yml",
    `pipelinewise: {env: {PASSWORD: hush}}
pipelines:
  - {tap: orders, target: redshift, cron: "*/7 * * * *", note: Sync every 5 minutes}
  - {tap: third, target: redshift, cron: "0 * * * *"}
`,
  );
  const { code, out } = await machine.run("diff");
  expect(code).toBe(1);
  expect(out).toContain("-*/5 * * * * /usr/bin/node");
  expect(out).toContain("+*/7 * * * * /usr/bin/node");
  expect(out.slice(out.indexOf("stored schedule:"))).toMatchInlineSnapshot(`
    "stored schedule:
      ~ orders → redshift: times
      + third → redshift
      - stock → redshift
      ~ environment
    "
  `);
  expect(out).not.toContain("hush");
});

test("says when only this program moved", async () => {
  const machine = fakeMachine();
  await machine.run("install");
  const elsewhere = fakeMachine({ crontab: machine.crontab.text(), env: { HOME: machine.home } });
  expect(
    (await elsewhere.run("diff", "--config-dir", machine.configDir, "--name", "pipelinewise")).out.replaceAll(
      machine.home,
      "~",
    ),
  ).toBe("stored schedule:\n  ~ PipelineWise's command\n");
});

test("without a file, and with none here, it is the one that is installed", async () => {
  const machine = fakeMachine();
  machine.put("second.yml", 'name: second\npipelines: [{tap: third, target: redshift, cron: "0 * * * *"}]\n');
  await machine.run("install", "second.yml");
  expect(await machine.run("diff", "--name", "second")).toMatchObject({ code: 0, out: "" });
  expect(await machine.run("diff")).toMatchObject({ code: 1, out: expect.stringContaining("pipelinewise") });
});

test("a name that is not installed is said", async () => {
  expect(await fakeMachine().run("diff", "--name", "nix")).toMatchObject({
    code: 66,
    err: expect.stringContaining("no schedule nix"),
  });
});
