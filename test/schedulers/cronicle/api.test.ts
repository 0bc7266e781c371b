import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { type CallTiming, CronicleRefusal, cronicleApi } from "../../../src/schedulers/cronicle/client.ts";
import { done, type Reply, replyOf, serve } from "./replay.ts";

const KEY = "5ec4e75ec4e75ec4e75ec4e75ec4e700";
const QUICK: CallTiming = { answerMs: 30_000, electionMs: 10_000, pauseMs: 1, silenceMs: 10_000 };
const api = (urls: readonly string[], timing = QUICK, said: string[] = []) =>
  cronicleApi({ urls, key: KEY }, { timing, tell: (line) => said.push(line) });

/** The error that a call ends with; no key is in any of it. */
async function failure(call: Promise<unknown>): Promise<{ readonly text: string; readonly error: Error }> {
  const error = await call.then(
    () => new Error("the call succeeded"),
    (thrown: Error & { readonly hint?: string }) => thrown,
  );
  expect(inspect(error, { depth: null, showHidden: true })).not.toContain(KEY);
  return { error, text: `${error.message}\n${"hint" in error ? error.hint : ""}` };
}

test("a call is a POST of JSON with the key in its header, and gives the answer's fields", async () => {
  const { url, seen } = await serve(() => replyOf("create_event.ok"));
  expect(await api([`${url}/`])("create_event", { id: "pw_x" })).toEqual({ code: 0, id: "pw_demo_1f0c9a2e" });
  expect(seen).toEqual([{ call: "create_event", key: KEY, body: { id: "pw_x" } }]);
});

describe("a refusal comes with status 200", () => {
  test.each([
    ["auth.none", "No Session ID or API Key could be found", "Admin → API Keys"],
    ["auth.disabled-key", "API Key is disabled: …", "Ask an administrator to enable it"],
    ["create_event.no-privilege", "(create_events)", "the privileges create_events, edit_events and delete_events"],
    ["create_category.not-admin", "User is not an administrator", "set cronicle.category to an existing one"],
    ["create_event.timezone-newer-than-tzdata", "Malformed or unknown timezone: Europe/Kyiv", ""],
    ["delete_event.running", "Still has running jobs", ""],
    ["api.unknown", "Unsupported API", ""],
  ])("%s", async (name, description, hint) => {
    const { url } = await serve(() => replyOf(name));
    const { error, text } = await failure(api([url])("create_event", {}));
    expect(error).toBeInstanceOf(CronicleRefusal);
    expect(text).toContain(description);
    expect(text).toContain(hint);
  });

  test("that names a key is shown without it, whoever's it is", async () => {
    const refusal = (description: string): Reply => ({ status: 200, body: { code: "api", description } });
    const own = await serve(() => refusal(`Invalid API Key: ${KEY}`));
    expect((await failure(api([own.url])("get_event", {}))).text).not.toContain(KEY);
    const other = await serve(() => replyOf("auth.unknown-key"));
    expect((await failure(api([other.url])("get_event", {}))).text).toContain("Invalid API Key: …");
  });
});

test("an answer that is too long is not read to its end", async () => {
  const { url } = await serve(() => ({ status: 200, body: `{"code":0,"x":"${"x".repeat(33 * 1024 * 1024)}"}` }));
  expect((await failure(api([url])("get_schedule", {}))).text).toContain("answers with more than 32 MiB (status 200)");
});

describe("what is not Cronicle's API is said so", () => {
  test.each<[string, Reply, string]>([
    [
      "a web page",
      { status: 200, body: "<!DOCTYPE html><html>" },
      "answers with a web page instead of JSON (status 200)",
    ],
    ["a missing page", { status: 404, body: "<html>" }, "a web page instead of JSON (status 404)"],
    ["plain text", replyOf("api.malformed-json"), "answers with text instead of JSON (status 400)"],
    ["nothing", { status: 502, body: "" }, "answers with an empty response (status 502)"],
    ["other JSON", { status: 200, body: { hello: 1 } }, "answers with JSON that is not Cronicle's"],
    ["a list", { status: 200, body: [] }, "answers with text instead of JSON"],
    [
      "a login page elsewhere",
      { status: 302, headers: { location: `https://login.test/?next=${KEY}` }, body: "" },
      "redirects to https://login.test (status 302)",
    ],
  ])("%s", async (_, reply, message) => {
    const { url, seen } = await serve(() => reply);
    const { text } = await failure(api([url])("get_schedule", {}));
    expect(text).toContain(`Cronicle: ${url} `);
    expect(text).toContain(message);
    expect(text).not.toContain(KEY);
    expect(seen).toHaveLength(1);
  });
});

describe("the primary", () => {
  const sentOn: Reply = replyOf("redirect.backup-to-primary");

  test("is found among the addresses by asking each, and asked first from then on", async () => {
    const backup = await serve(() => sentOn);
    const primary = await serve(() => done({ id: "x" }));
    const call = api([backup.url, primary.url]);
    await call("create_event", { id: "x" });
    await call("update_event", { id: "x" });
    expect(backup.seen.map((one) => one.call)).toEqual(["create_event"]);
    expect(primary.seen.map((one) => one.body)).toEqual([{ id: "x" }, { id: "x" }]);
  });

  test("elsewhere gets neither call nor key: its address is said, and what to do", async () => {
    const primary = await serve(() => done());
    const backup = await serve(() => ({ ...sentOn, headers: { location: `${primary.url}/api/app/get_event/v1` } }));
    const { text } = await failure(api([backup.url])("get_event", {}));
    expect(text).toContain(`is not the primary; it reports ${primary.url} as the primary`);
    expect(text).toContain("Add the primary's URL to cronicle.url");
    expect(primary.seen).toEqual([]);
  });

  test("servers that send us on to one another are asked once each", async () => {
    const one = await serve(() => sentOn);
    const other = await serve(() => sentOn);
    await failure(api([one.url, other.url])("get_event", {}));
    expect([one.seen.length, other.seen.length]).toEqual([1, 1]);
  });

  test("is waited for while the servers know of none", async () => {
    let asked = 0;
    const { url } = await serve(() => (++asked < 4 ? replyOf("redirect.no-primary-known") : done({ id: "x" })));
    const said: string[] = [];
    expect(await api([url], QUICK, said)("get_event", {})).toEqual({ code: 0, id: "x" });
    expect(said).toEqual(["Cronicle has no primary server; waiting up to 10 s for one"]);
  });

  test("that is down is waited for while there is a backup, which then takes its place", async () => {
    const primary = await serve(() => done());
    await primary.close();
    let asked = 0;
    const backup = await serve(() => (++asked < 3 ? sentOn : done({ id: "x" })));
    expect(await api([primary.url, backup.url])("get_event", {})).toEqual({ code: 0, id: "x" });
  });

  test("is not waited for for ever", async () => {
    const { url } = await serve(() => replyOf("redirect.no-primary-known"));
    const { text } = await failure(api([url], { ...QUICK, electionMs: 20 })("get_event", {}));
    expect(text).toContain("is not the primary and does not know it");
  });
});

test("a server that is down is named, at once", async () => {
  const { url, close } = await serve(() => done());
  await close();
  const { text } = await failure(api([url])("get_event", {}));
  expect(text).toContain(`Cronicle: ${url} cannot be reached (ECONNREFUSED)`);
  expect(text).toContain("3012");
});

test("a call without an answer in time may have been done: it is not sent again", async () => {
  const slow = await serve(() => undefined);
  const other = await serve(() => done());
  const { text } = await failure(api([slow.url, other.url], { ...QUICK, answerMs: 50 })("create_event", {}));
  expect(text).toContain("did not answer within 0.05 s: create_event may or may not have taken effect");
  expect(other.seen).toEqual([]);
});

test("a call that takes its time says that it waits", async () => {
  const said: string[] = [];
  const slow = await serve(() => undefined);
  await failure(api([slow.url], { ...QUICK, answerMs: 200, silenceMs: 20 }, said)("get_event", {}));
  expect(said).toEqual([`waiting up to 0.2 s for an answer from Cronicle at ${slow.url}`]);
});
