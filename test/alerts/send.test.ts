import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { AlertRule } from "../../src/alert-rules.ts";
import { writeEvent } from "../../src/alerts/event.ts";
import { alertQueueDir } from "../../src/alerts/places.ts";
import { deliver } from "../../src/alerts/receivers/deliver.ts";
import { renderSlack } from "../../src/alerts/receivers/slack.ts";
import { renderMessage } from "../../src/alerts/render.ts";
import type { SendContext } from "../../src/alerts/send.ts";
import { alertWarnings } from "../../src/alerts/state.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { addressReader } from "../../src/run/alerts.ts";
import { tempDirectory } from "../support/host.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { sendWaiting } from "./send-waiting.ts";
import { accepts, startSink } from "./sink.ts";

const ALERTS = [{ when: ["failed", "lost", "recovered"], receiver: { kind: "webhook", url: `\${env:HOOK}` } }] as const;
const NEVER: readonly unknown[] = [];

/** A machine whose pipeline fails while the file `broken` exists, with a receiver at this address. */
function machine(url: string, entries = [anEntry()], alerts: readonly AlertRule[] = ALERTS) {
  const box = sandbox('echo "password s3cr3t"; [ ! -e $HOME/broken ]');
  const host = { ...box.host, env: { ...box.host.env, HOOK: url }, program: "/nonexistent" };
  box.install(entries, { alerts });
  const place = { paths: box.paths, schedule: "pipelinewise" };
  return {
    ...box,
    host,
    place,
    start: (...words: string[]) => runMain([...PAIR_WORDS, ...words], host),
    break: () => execFileSync("touch", [box.file("broken")]),
    repair: () => execFileSync("rm", [box.file("broken")]),
    send: (more: Partial<SendContext> = {}) => sendWaiting(box.paths, host, more),
    queued: () => {
      try {
        return readdirSync(alertQueueDir(box.paths, "pipelinewise", "outbox"));
      } catch {
        return NEVER;
      }
    },
  };
}

/** Texts of all files below a directory. */
const filesBelow = (directory: string): readonly string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"));

test("a failure, its repetition and the recovery give two messages, and no file contains the address", async () => {
  const sink = await startSink();
  const box = machine(sink.url);
  box.break();
  for (const _ of [1, 2]) {
    expect(await box.start()).toBe(1);
    await box.send();
  }
  box.repair();
  for (const _ of [1, 2]) {
    expect(await box.start()).toBe(0);
    await box.send();
  }
  const alerts = sink.messages().map((message) => message.alerts.map(({ kind, tap }) => `${tap} ${kind}`));
  expect(alerts).toEqual([["microserv_1 failed"], ["microserv_1 recovered"]]);
  const [first] = sink.messages();
  expect(first).toMatchObject({ version: 1, schedule: "pipelinewise" });
  expect(first?.alerts[0]).toMatchObject({
    run: { exitCode: 1, host: "testhost" },
    lastLines: ["password s3cr3t"],
    nextRunAt: "2026-11-23T12:05:00.000Z",
  });
  expect(box.queued()).toEqual([]);
  expect(filesBelow(box.paths.root).filter((text) => text.includes("s3cr3t-of-the-hook"))).toEqual([]);
});

test("a run of a schedule whose pipelines succeed stores no event", async () => {
  const box = machine("http://127.0.0.1:1/");
  expect(await box.start()).toBe(0);
  expect(readdirSync(box.paths.root)).not.toContain("alerts");
});

const EACH_RUN = [{ when: ["started", "succeeded"], receiver: { kind: "webhook", url: `\${env:HOOK}` } }] as const;

test("each run gives one start and one success, whatever number of attempts it has", async () => {
  const sink = await startSink();
  const retries = { max: 1, delayMs: 1, backoff: 1, maxDelayMs: 1, on: ["failed"] } as const;
  const box = machine(sink.url, [anEntry({ policies: { retries } })], EACH_RUN);
  const script = '#!/bin/sh\n[ -e "$HOME/tried" ] || { touch "$HOME/tried"; exit 1; }\n';
  writeFileSync(box.program, script, { mode: 0o755 });
  for (const _ of [1, 2]) {
    expect(await box.start()).toBe(0);
    await box.send();
  }
  const alerts = sink.messages().flatMap((message) => message.alerts);
  expect(alerts.map(({ kind }) => kind)).toEqual(["started", "succeeded", "started", "succeeded"]);
  expect(alerts.map(({ run }) => run?.endedAt === null)).toEqual([true, false, true, false]);
});

test("a start that is skipped has no event, and neither has a run of a schedule without such a rule", async () => {
  const paused = machine("http://127.0.0.1:1/", [anEntry({ policies: { enabled: false } })], EACH_RUN);
  expect(await paused.start()).toBe(75);
  const other = machine("http://127.0.0.1:1/", [anEntry()], [{ ...EACH_RUN[0], taps: ["other"] }]);
  expect(await other.start()).toBe(0);
  for (const { paths } of [paused, other]) expect(readdirSync(paths.root)).not.toContain("alerts");
});

test("a run whose start cannot be stored goes on, and says so", async () => {
  const box = machine("http://127.0.0.1:1/", [anEntry()], EACH_RUN);
  writeFileSync(join(box.paths.root, "alerts"), "");
  expect(await box.start()).toBe(0);
  expect(box.host.err()).toMatch(/alerts/);
  expect(await box.records()).toMatchObject([{ outcome: "succeeded" }]);
});

test("a receiver that was down gets each message once, and status says why it waits", async () => {
  const sink = await startSink((response) => {
    response.statusCode = 500;
    response.end("broken");
  });
  const box = machine(sink.url);
  box.break();
  await box.start();
  for (const _ of [1, 2, 3]) await box.send();
  expect(box.queued()).toHaveLength(1);
  const [warning] = await alertWarnings(box.place);
  expect(warning).toContain(`webhook \${env:HOOK}`);
  expect(warning).toContain(": it answered 500 broken");
  const before = sink.bodies.length;
  sink.answerWith(accepts);
  await box.send();
  await box.send();
  expect(sink.bodies.length - before).toBe(1);
  expect(box.queued()).toEqual([]);
  expect(await alertWarnings(box.place)).toEqual([]);
});

test("40 pipelines that fail give one message", async () => {
  const sink = await startSink();
  const entries = Array.from({ length: 40 }, (_, index) => anEntry({ tap: `tap_${index}` }));
  const box = machine(sink.url, entries);
  for (const [index, { tap, target, command }] of entries.entries()) {
    const at = box.host.now().toISOString();
    const run = { id: `0mhs4j7k2a${index + 1000}`, host: "testhost", startedAt: at, endedAt: at };
    const entry = { tap, target, command };
    const event = { id: run.id, kind: "failed", entry, at, run, lastLines: [] } as const;
    await writeEvent(box.place, event, box.host.uid);
  }
  await Promise.all([box.send(), box.send()]);
  expect(sink.messages().map(({ alerts }) => alerts.length)).toEqual([40]);
});

test("a process that is asked to end leaves the events for the next one", async () => {
  const sink = await startSink();
  const box = machine(sink.url);
  box.break();
  await box.start();
  const stop = new AbortController();
  const sent = box.send({ collectMs: 60_000, stop: stop.signal });
  stop.abort();
  await sent;
  expect(sink.bodies).toEqual([]);
  await box.send();
  expect(sink.bodies).toHaveLength(1);
});

test("an outcome does not change because the address cannot be read", async () => {
  const box = machine("");
  const host = { ...box.host, env: { ...box.host.env, HOOK: undefined } };
  box.break();
  expect(await runMain(PAIR_WORDS, host)).toBe(1);
  await box.send({
    resolve: addressReader({ configDir: box.paths.configDir, source: { path: "/x" } }, host),
  });
  expect(await alertWarnings(box.place)).toEqual([expect.stringMatching(/: the variable HOOK is not set/)]);
});

const message = renderMessage([], { id: "1", schedule: "s", entries: [], machineZone: "UTC", now: new Date(0) });
const to = (url: string, limitMs = 10_000) =>
  deliver({ kind: "webhook", url: `\${env:HOOK}` }, message, { host: { env: {} }, resolve: async () => url, limitMs });

test("a redirect is not followed", async () => {
  const other = await startSink();
  const sink = await startSink((response) => {
    response.writeHead(307, { location: other.url });
    response.end();
  });
  expect(await to(sink.url)).toMatchObject({ kind: "failed", reason: expect.stringContaining("redirect") });
  expect(other.bodies).toEqual([]);
});

test("a receiver that does not answer is given up at the limit", async () => {
  const sink = await startSink(() => {});
  const delivery = await to(sink.url, 100);
  expect(delivery).toMatchObject({ kind: "failed", reason: "it did not answer within 0.1 s" });
});

test("an answer that repeats the address is masked", async () => {
  const sink = await startSink((response, request) => {
    response.statusCode = 404;
    response.end(`no such hook: ${request.url}`);
  });
  expect(JSON.stringify(await to(sink.url))).not.toContain("s3cr3t");
});

test.each([
  ["a value of its query", "/hook?channel=etl&token=s3cr3t-t0ken", "unknown token: s3cr3t-t0ken"],
  [
    "a secret that the limit would cut in two",
    "/s3cr3t-t0ken-of-the-hook",
    `${"x".repeat(185)} s3cr3t-t0ken-of-the-hook`,
  ],
])("an answer that repeats %s is masked", async (_what, path, answer) => {
  const sink = await startSink((response) => {
    response.statusCode = 404;
    response.end(answer);
  });
  const delivery = JSON.stringify(await to(new URL(path, sink.url).href));
  expect(delivery).toContain("***");
  expect(delivery).not.toContain("s3cr3t");
});

test("a receiver with a certificate that nobody has signed gets no message", async () => {
  const directory = tempDirectory();
  const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
  const words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"];
  execFileSync("openssl", [...words, "-keyout", key, "-out", cert], { stdio: "ignore" });
  const requests: unknown[] = [];
  const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    requests.push(request.url);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo; // It listens on a port, not on a socket file.
  const delivery = await to(`https://127.0.0.1:${port}/secret-path`);
  expect(delivery).toMatchObject({ kind: "failed", reason: expect.stringContaining("certificate") });
  expect(requests).toEqual([]);
});

test("a message for Slack keeps its limits, whatever number of alerts it has", () => {
  const at = "2026-11-23T12:00:00.000Z";
  const entry = { tap: "t".repeat(128), target: "w".repeat(128), command: "run_tap" };
  const run = { id: "1", host: "h", startedAt: at, endedAt: at, log: "/x".repeat(2000) };
  const last = { id: "1", kind: "failed", entry, at, run, lastLines: ["<&>".repeat(400), "x".repeat(9000)] } as const;
  const alert = { kind: "failed", entry, since: at, last, isReminder: false } as const;
  const many = renderMessage(Array(500).fill(alert), { ...message, entries: [], machineZone: "UTC", now: new Date(0) });
  const { blocks }: { blocks?: readonly { text: { text: string } }[] } = renderSlack(many);
  expect(blocks?.length).toBeLessThanOrEqual(50);
  expect(Math.max(...(blocks ?? []).map(({ text }) => text.text.length))).toBeLessThanOrEqual(3000);
});

test("the reason of a failure is one short line", async () => {
  const resolve = () => Promise.reject(new Error(`Cannot find module\nRequire stack:\n- ${"x".repeat(1_000)}`));
  const receiver = { kind: "webhook", url: `\${env:HOOK}` } as const;
  const delivery = await deliver(receiver, message, { host: { env: {} }, resolve });
  const reason = expect.stringMatching(/^Cannot find module Require stack: - x{300,400}$/);
  expect(delivery).toEqual({ kind: "failed", reason, isFinal: false });
});

test("only the beginning of a long answer is read", async () => {
  let isOver = false;
  const sink = await startSink((response) => {
    response.once("close", () => {
      isOver = true;
    });
    const more = () => {
      while (!isOver && response.write("x".repeat(65_536)));
    };
    response.on("drain", more);
    more();
  });
  expect(await to(sink.url)).toEqual({ kind: "accepted", answer: expect.stringMatching(/^200 x{300,400}$/) });
});
