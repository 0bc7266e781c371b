import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BREAK, done, type Reply, replyOf, type Seen, serve } from "./replay.ts";
import { FROM_ENV, KEY, sandboxFor } from "./sandbox.ts";
import { standIn } from "./stand-in.ts";

const schedules = (stored: readonly string[]) => stored.filter((name) => /^schedules\/.*json$/.test(name));

describe("an install that has done nothing says why, what to do, and no key; nothing is stored", () => {
  const refused = (name: string, call: string) => (seen: Seen) => (seen.call === call ? replyOf(name) : undefined);
  const all = (reply: Reply) => () => reply;
  const unknownKey = { status: 200, body: { code: "api", description: `Invalid API Key: ${KEY}` } };
  const page = { status: 200, headers: { "content-type": "text/html" }, body: "<!DOCTYPE html><title>Log in</title>" };
  const login = { status: 302, headers: { location: `https://login.test/?api_key=${KEY}` }, body: "<html>" };

  test.each<[string, (seen: Seen) => Reply | undefined, string]>([
    [
      "a wrong key",
      all(unknownKey),
      `pipelinewise-sched: Cronicle rejected get_schedule: Invalid API Key: …
  Check the key, or ask an administrator for one: Admin → API Keys.
`,
    ],
    [
      "a key without a privilege",
      refused("create_event.no-privilege", "create_category"),
      `pipelinewise-sched: Cronicle rejected create_category: API Key ('reader') does not have the required privileges to perform this action (create_events).
  Give the key the privileges create_events, edit_events and delete_events, and access to the category if its categories are limited: Admin → API Keys.
`,
    ],
    [
      "no category, and a key that may make none",
      refused("create_category.not-admin", "create_category"),
      `pipelinewise-sched: Cronicle rejected create_category: User is not an administrator: undefined
  Ask an administrator to create the category under Admin → Categories, or set cronicle.category to an existing one.
`,
    ],
    [
      "a proxy's login page",
      all(page),
      `pipelinewise-sched: Cronicle: http://cronicle answers with a web page instead of JSON (status 200)
  Check that Cronicle is running, and that cronicle.url has Cronicle's own port (3012 by default).
`,
    ],
    [
      "a proxy that sends us on to its login page",
      all(login),
      `pipelinewise-sched: Cronicle: http://cronicle redirects to https://login.test (status 302)
  Check that Cronicle is running, and that cronicle.url has Cronicle's own port (3012 by default).
`,
    ],
    [
      "a backup that names a primary which the file does not",
      all({ ...replyOf("redirect.backup-to-primary"), headers: { location: "http://10.0.0.7:3012/api" } }),
      `pipelinewise-sched: Cronicle: http://cronicle is not the primary; it reports http://10.0.0.7:3012 as the primary
  Add the primary's URL to cronicle.url: the key is sent only to the URLs in the schedule file.
`,
    ],
  ])("%s", async (_, intercept, said) => {
    const cronicle = await standIn();
    cronicle.intercept = intercept;
    const { on, stored } = sandboxFor(cronicle.url);
    expect(await on("install")).toMatchObject({ code: 74, err: said });
    expect(schedules(stored())).toEqual([]);
    expect(cronicle.events).toEqual([]);
  });

  test("a server that is down", async () => {
    const { url, close } = await serve(() => done());
    await close();
    const { on, stored } = sandboxFor(url);
    expect(await on("install")).toEqual({
      code: 74,
      out: "",
      err: `pipelinewise-sched: Cronicle: http://cronicle cannot be reached (ECONNREFUSED)
  Check that Cronicle is running, and that cronicle.url has Cronicle's own port (3012 by default).
`,
    });
    expect(schedules(stored())).toEqual([]);
  });
});

test("two servers that each call the other the primary are named, and not asked in circles", async () => {
  const urls: string[] = [];
  const other = (index: number): Reply => ({
    ...replyOf("redirect.backup-to-primary"),
    headers: { location: `${urls[index]}/api/app/get_schedule/v1` },
  });
  const [one, two] = [await serve(() => other(1)), await serve(() => other(0))];
  urls.push(one.url, two.url);
  const { put, on, text } = sandboxFor(one.url);
  put("schedule.yml", text("schedule.yml")?.replace(`"${one.url}"`, `["${one.url}", "${two.url}"]`) ?? "");
  const { code, err } = await on("install");
  expect({ code, err: err.replaceAll(two.url, "http://other") }).toEqual({
    code: 74,
    err: `pipelinewise-sched: no URL in cronicle.url leads to Cronicle's primary server:
  http://cronicle is not the primary; it reports http://other as the primary
  http://other is not the primary; it reports http://cronicle as the primary
  Add the primary's URL to cronicle.url: the key is sent only to the URLs in the schedule file.
`,
  });
  expect(one.seen).toHaveLength(1);
});

test("a server that dies half way: what was done is said, and the same command makes the rest", async () => {
  const cronicle = await standIn();
  let creates = 0;
  cronicle.intercept = ({ call }) => (call === "create_event" && ++creates === 2 ? BREAK : undefined);
  const { on, stored } = sandboxFor(cronicle.url);
  const { code, err } = await on("install");
  expect({ code, err: err.replace(/\(\w+\)/, "(CODE)") }).toEqual({
    code: 74,
    err: `pipelinewise-sched: Cronicle at http://cronicle closed the connection (CODE): create_event may or may not have taken effect
2 of 3 changes in Cronicle were made; run the same command again to make the rest
  Check Cronicle's log, then run the same command again: it keeps the changes that were made.
`,
  });
  expect(schedules(stored())).toHaveLength(2);
  cronicle.intercept = () => undefined;
  expect((await on("diff")).out).toContain(
    "Cronicle: 1 created, 1 unchanged\n  + event pipelinewise: stock → redshift\n",
  );
  expect(await on("install")).toMatchObject({ code: 0 });
  expect(await on("diff")).toMatchObject({ code: 0 });
});

describe("the key", () => {
  test("in plain text in the file is refused with its place, and not repeated", async () => {
    const cronicle = await standIn();
    const { on } = sandboxFor(cronicle.url, { key: KEY });
    const { code, err } = await on("install");
    expect({ code, err }).toEqual({
      code: 65,
      err: expect.stringContaining("cronicle.key: secrets are not allowed in the schedule file; use a reference"),
    });
    expect(err).toContain("schedule.yml:2:49");
    expect(err).not.toContain(KEY);
    expect(cronicle.seen).toEqual([]);
  });

  test.each([
    [
      FROM_ENV,
      `pipelinewise-sched: cronicle.key: the variable CRONICLE_KEY is not set
  It must contain an API key of Cronicle. An administrator creates one under Admin → API Keys.
`,
    ],
    [
      `$\{file:secrets/key}`,
      `pipelinewise-sched: cronicle.key: ~/secrets/key is missing
  It must contain an API key of Cronicle. An administrator creates one under Admin → API Keys.
`,
    ],
  ])("that is not where %s says", async (key, said) => {
    const { on } = sandboxFor("http://127.0.0.1:1", { key, env: {} });
    expect(await on("install")).toEqual({ code: 74, out: "", err: said });
  });

  test("is in nothing that is printed or stored, from install to uninstall", async () => {
    const cronicle = await standIn();
    const server = sandboxFor(cronicle.url, { key: `$\{file:key}`, env: {} });
    writeFileSync(join(server.home, "key"), KEY, { mode: 0o600 });
    const said = [];
    for (const command of ["validate", "diff", "install", "diff", "uninstall"]) said.push(await server.on(command));
    expect(said.map(({ code }) => code)).toEqual([0, 1, 0, 0, 0]);
    expect(JSON.stringify(said)).not.toContain(KEY);
    expect(new Set(cronicle.seen.map(({ key }) => key))).toEqual(new Set([KEY]));
    await server.on("install");
    const files = schedules(server.stored()).map((name) => server.text(`.pipelinewise/.sched/${name}`));
    expect(files).toHaveLength(2);
    expect(files.join()).not.toContain(KEY);
  });
});
