import { rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { PING_KINDS } from "../../src/alert-rules.ts";
import { listNames } from "../../src/alerts/event.ts";
import { pingUrl } from "../../src/alerts/ping.ts";
import { alertEventsDir, alertQueueDir } from "../../src/alerts/places.ts";
import { renderMessage } from "../../src/alerts/render.ts";
import type { SendContext } from "../../src/alerts/send.ts";
import { alertWarnings } from "../../src/alerts/state.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { sendWaiting } from "./send-waiting.ts";

const CHECK = "/0f8c6a2e-s3cr3t-check";
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A service on loopback with the ping API of healthchecks.io, for one check. */
async function startChecks() {
  const pings: { readonly signal: string; readonly rid: string; readonly body: string }[] = [];
  let isDown = false;
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://127.0.0.1");
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => {
      const rid = searchParams.get("rid") ?? "";
      const signal = /^\/0f8c6a2e-s3cr3t-check(?:\/(start|fail|log|\d{1,3}))?$/.exec(pathname);
      if (isDown) response.statusCode = 503;
      else if (signal === null || !UUID.test(rid)) response.statusCode = 400;
      else pings.push({ signal: signal[1] ?? "success", rid, body });
      response.end(response.statusCode === 200 ? "OK" : "invalid url format");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo; // It listens on a port, not on a socket file.
  return {
    url: `http://127.0.0.1:${port}${CHECK}`,
    pings,
    signals: () => pings.map(({ signal }) => signal),
    setDown(next: boolean) {
      isDown = next;
    },
  };
}

/** A machine whose pipeline fails with exit code 3 while the file `broken` exists. */
function machine(url: string) {
  const box = sandbox("echo 'password s3cr3t'; [ ! -e $HOME/broken ] || exit 3");
  let time = box.host.now().getTime();
  const now = () => new Date(time++);
  const host = { ...box.host, now, env: { ...box.host.env, CHECK: url }, program: "/nonexistent" };
  box.install([anEntry()], { alerts: [{ when: PING_KINDS, receiver: { kind: "ping", url: `\${env:CHECK}` } }] });
  const place = { paths: box.paths, schedule: "pipelinewise" };
  return {
    ...box,
    place,
    start: () => runMain(PAIR_WORDS, host),
    send: (more: Partial<SendContext> = {}) => sendWaiting(box.paths, host, more),
    waiting: () => listNames(alertQueueDir(box.paths, "pipelinewise", "pings")),
    events: () => listNames(alertEventsDir(box.paths, "pipelinewise")),
  };
}

test("each run is a start and an end in order, and both have the UUID of the run", async () => {
  const checks = await startChecks();
  const box = machine(checks.url);
  expect(await box.start()).toBe(0);
  writeFileSync(box.file("broken"), "");
  expect(await box.start()).toBe(3);
  expect(await box.start()).toBe(3);
  // No alert waits for these events, so the sender does not collect for a minute.
  expect(await box.events()).toEqual([]);
  await box.send({ collectMs: 60_000 });
  expect(checks.signals()).toEqual(["start", "success", "start", "3", "start", "3"]);
  const ids = checks.pings.map(({ rid }) => rid);
  expect(new Set(ids).size).toBe(3);
  expect([ids[0], ids[2], ids[4]]).toEqual([ids[1], ids[3], ids[5]]);
  expect(checks.pings.map(({ body }) => body)).toEqual(["", "", "", "password s3cr3t", "", "password s3cr3t"]);
  expect(await box.waiting()).toEqual([]);
});

test("the pings of a service that was down arrive in order and once, and status says why they wait", async () => {
  const checks = await startChecks();
  const box = machine(checks.url);
  checks.setDown(true);
  await box.start();
  await box.send();
  writeFileSync(box.file("broken"), "");
  await box.start();
  await box.send();
  expect(await box.waiting()).toHaveLength(4);
  const [warning] = await alertWarnings(box.place);
  expect(warning).toContain(`ping \${env:CHECK}`);
  expect(warning).toContain(": it answered 503");
  expect(warning).not.toContain("s3cr3t");
  checks.setDown(false);
  rmSync(box.file("broken"));
  await box.send();
  await box.send();
  expect(checks.signals()).toEqual(["start", "success", "start", "3"]);
  expect(await alertWarnings(box.place)).toEqual([]);
});

test.each([
  ["started", undefined, "https://hc.example.com/ping/key/slug", "/ping/key/slug/start"],
  ["succeeded", 0, "https://hc.example.com/uuid/", "/uuid"],
  ["failed", 1, "https://hc.example.com/uuid?create=1", "/uuid/1"],
  ["failed", undefined, "https://hc.example.com/uuid", "/uuid/fail"],
  ["failed", 300, "https://hc.example.com/uuid", "/uuid/fail"],
  ["timed-out", 124, "https://hc.example.com/uuid", "/uuid/124"],
  ["lost", undefined, "https://hc.example.com/uuid", "/uuid/fail"],
] as const)("a ping for %s with exit code %s", (kind, exitCode, base, path) => {
  const at = "2026-11-26T01:15:02.301Z";
  const entry = { tap: "a", target: "b", command: "run_tap" };
  const run = { id: "0mhs4j7k2a9qzx", host: "etl-1", startedAt: at, exitCode };
  const alert = { kind, entry, since: at, last: { id: "1", kind, entry, at, run, lastLines: [] }, isReminder: false };
  const now = new Date(at);
  const [rendered] = renderMessage([alert], { id: "1", schedule: "s", entries: [], machineZone: "UTC", now }).alerts;
  if (rendered === undefined) throw new Error("no alert");
  const url = pingUrl(new URL(base), rendered);
  expect(url.pathname).toBe(path);
  expect(url.searchParams.get("rid")).toMatch(UUID);
  expect(url.searchParams.get("create")).toBe(base.includes("create") ? "1" : null);
});
