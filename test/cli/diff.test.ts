import { expect, test } from "vitest";
import { installWorld } from "../support/install-world.ts";

test("ends with 1 when install would change something, and with 0 when not", async () => {
  const world = installWorld({ crontab: "a\n" });
  const before = await world.run("diff");
  expect(before).toMatchObject({ code: 1, out: expect.stringContaining("+# Sync every 5 minutes") });
  expect([world.crontab.text(), world.stored()]).toEqual(["a\n", []]);
  expect((await world.run("install")).out).toBe(before.out);
  expect(await world.run("diff")).toMatchObject({ code: 0, out: "" });
});

test("shows what changed, in the crontab and in words", async () => {
  const world = installWorld();
  await world.run("install");
  world.put(
    "schedule.yml",
    `pipelinewise: {env: {PASSWORD: hush}}
pipelines:
  - {tap: orders, target: redshift, cron: "*/7 * * * *", note: Sync every 5 minutes}
  - {tap: third, target: redshift, cron: "0 * * * *"}
`,
  );
  const { code, out } = await world.run("diff");
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
  const world = installWorld();
  await world.run("install");
  const elsewhere = installWorld({ crontab: world.crontab.text(), env: { HOME: world.home } });
  expect(
    (await elsewhere.run("diff", "--config-dir", world.configDir, "--name", "pipelinewise")).out.replaceAll(
      world.home,
      "~",
    ),
  ).toBe("stored schedule:\n  ~ PipelineWise's command\n");
});

test("without a file, and with none here, it is the one that is installed", async () => {
  const world = installWorld();
  world.put("second.yml", 'name: second\npipelines: [{tap: third, target: redshift, cron: "0 * * * *"}]\n');
  await world.run("install", "second.yml");
  expect(await world.run("diff", "--name", "second")).toMatchObject({ code: 0, out: "" });
  expect(await world.run("diff")).toMatchObject({ code: 1, out: expect.stringContaining("pipelinewise") });
});

test("a name that is not installed is said", async () => {
  expect(await installWorld().run("diff", "--name", "nix")).toMatchObject({
    code: 66,
    err: expect.stringContaining("no schedule nix"),
  });
});
