import { execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { describe, expect, onTestFinished, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { startSink } from "../alerts/sink.ts";
import { tempDirectory, testHost } from "../support/host.ts";
import { anEntry, sandbox } from "../support/sandbox.ts";

/** A schedule file with these rules. */
const scheduleOf = (...rules: readonly string[]) =>
  `name: warehouse\nalerts:\n${rules.map((rule) => `  - ${rule}\n`).join("")}pipelines:\n  - {tap: orders, target: dwh, cron: "0 * * * *"}\n`;

/** Calls `alerts test` with a schedule file. */
async function testAlerts(schedule: string, env: Readonly<Record<string, string>> = {}, ...words: readonly string[]) {
  const first = testHost();
  const host = testHost({ cwd: first.home, env: { ...first.env, ...env } });
  writeFileSync(join(host.cwd, "schedule.yml"), schedule);
  const code = await main(["alerts", "test", ...words], host);
  return { code, out: host.out(), err: host.err(), home: host.cwd };
}

test("each receiver gets one message that says that it is a test, and its answer is printed", async () => {
  const slack = await startSink();
  const hook = await startSink();
  const check = await startSink();
  const { code, out } = await testAlerts(
    scheduleOf(
      `{when: [failed], slack: "\${env:SLACK}"}`,
      `{when: [lost, recovered, skipped: 3], webhook: "\${env:HOOK}", taps: [orders]}`,
      `{when: [late], webhook: "\${env:HOOK}"}`,
      `{ping: "\${env:CHECK}"}`,
    ),
    { SLACK: slack.url, HOOK: hook.url, CHECK: check.url },
  );
  expect(out).toBe(`slack \${env:SLACK}  accepted: 200 ok
webhook \${env:HOOK}  accepted: 200 ok
ping \${env:CHECK}  accepted: 200 ok
`);
  expect(code).toBe(0);
  expect(slack.bodies).toHaveLength(1);
  expect(slack.bodies[0]).toContain("[warehouse] TEST: orders → dwh failed");
  const [message] = hook.messages();
  expect(message?.test).toBe(true);
  expect(message?.alerts.map(({ kind, tap }) => `${tap} ${kind}`)).toEqual([
    "orders lost",
    "orders recovered",
    "orders skipped",
    "orders late",
  ]);
  expect(check.bodies).toHaveLength(5);
});

test("a receiver that does not accept the message is an error, and its address is masked", async () => {
  const good = await startSink();
  const bad = await startSink((response, request) => {
    response.statusCode = 404;
    response.end(`no such hook ${request.url}`);
  });
  const rules = [`{when: [failed], slack: "\${env:BAD}"}`, `{when: [failed], webhook: "\${env:GOOD}"}`];
  const { code, out } = await testAlerts(scheduleOf(...rules), { BAD: bad.url, GOOD: good.url });
  expect(code).toBe(1);
  expect(out).toContain(`slack \${env:BAD}  not accepted: it answered 404 no such hook`);
  expect(out).toContain(`webhook \${env:GOOD}  accepted: 200 ok`);
  expect(out).not.toContain("s3cr3t");
});

test.each([
  ["a variable that is not set", `{when: [failed], slack: "\${env:NONE}"}`, "the variable NONE is not set"],
  ["a file that does not exist", `{when: [failed], webhook: "\${file:none}"}`, "none: it does not exist"],
  ["an address that is not a URL", `{when: [failed], webhook: "\${env:HOME}"}`, "does not contain a URL that begins"],
])("%s is shown by `alerts test` and by `validate`", async (_, rule, reason) => {
  const { code, out } = await testAlerts(scheduleOf(rule));
  expect(out).toContain("  not accepted: ");
  expect(out).toContain(reason);
  expect(code).toBe(1);
  const host = testHost();
  writeFileSync(join(host.cwd, "schedule.yml"), scheduleOf(rule));
  await main(["validate"], host);
  expect(host.out()).toContain("no alert could be sent: ");
  expect(host.out()).toContain(reason);
});

test("--when sends only that event, to the receivers that have it", async () => {
  const hook = await startSink();
  const rules = [`{when: [failed, lost], webhook: "\${env:HOOK}"}`, `{when: [late], slack: "\${env:NONE}"}`];
  const { code, out } = await testAlerts(scheduleOf(...rules), { HOOK: hook.url }, "--when", "lost");
  expect(out).toBe(`webhook \${env:HOOK}  accepted: 200 ok\n`);
  expect(hook.messages().map(({ alerts }) => alerts.map(({ kind }) => kind))).toEqual([["lost"]]);
  expect(code).toBe(0);
});

test.each([
  ["also if no rule lists it", "[failed, timed-out]", [], ["/fail", "/fail", ""]],
  ["also after one event", "[failed, succeeded]", ["--when", "failed"], ["/fail", ""]],
  ["also if a ping before was not accepted", "[started, lost]", [], ["/start", ""]],
])("the last ping of a test is a success, %s", async (name, when, words, paths) => {
  const got: string[] = [];
  const check = await startSink((response, request) => {
    const path = (request.url ?? "").replace(/^\/services\/[^/?]*|\?.*/g, "");
    got.push(path);
    response.statusCode = name.includes("not accepted") && path === "/start" ? 503 : 200;
    response.end("answer");
  });
  await testAlerts(scheduleOf(`{ping: "\${env:CHECK}", when: ${when}}`), { CHECK: check.url }, ...words);
  expect(got).toEqual(paths);
});

test.each<[name: string, words: readonly string[], code: number, text: string]>([
  ["an event that no rule lists", ["--when", "lost"], 66, "no rule of the schedule warehouse lists lost"],
  ["an unknown event", ["--when", "losst"], 64, "losst"],
  ["a schedule that is not installed", ["--name", "nightly"], 66, "no schedule nightly is installed"],
  ["a name with a file", ["schedule.yml", "--name", "nightly"], 64, "--name is given with a file"],
])("%s is an error", async (_, words, code, text) => {
  const first = testHost();
  writeFileSync(join(first.home, "schedule.yml"), scheduleOf(`{when: [failed], slack: "\${env:X}"}`));
  const box = sandbox("exit 0", { cwd: first.home });
  expect(await main(["alerts", "test", ...words], box.host)).toBe(code);
  expect(box.host.err()).toContain(text);
});

test("--name tests the receivers of an installed schedule", async () => {
  const hook = await startSink();
  const box = sandbox();
  const receiver = { kind: "webhook", url: `\${env:HOOK}` } as const;
  box.install([anEntry()], { alerts: [{ when: ["failed"], receiver }] });
  const host = testHost({ cwd: box.home, env: { ...box.host.env, HOOK: hook.url } });
  expect(await main(["alerts", "test", "--name", "pipelinewise"], host)).toBe(0);
  expect(hook.messages().map(({ schedule }) => schedule)).toEqual(["pipelinewise"]);
});

/** Lets the name mail.test lead to this machine. */
const SHIM = `const dns = require("node:dns"), { lookup } = dns;
dns.lookup = (name, options, done) => lookup(name === "mail.test" ? "127.0.0.1" : name, options, done);`;

describe.skipIf(!existsSync("dist/main.cjs"))("the built program sends mail with TLS", () => {
  const PASSWORD = "p@ss/w0rd-of-the-mail";

  /** A certificate for mail.test and its certificate authority. */
  function certificate() {
    const directory = tempDirectory();
    const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
    const args = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=mail.test"];
    const names = ["-addext", "subjectAltName=DNS:mail.test"];
    execFileSync("openssl", [...args, ...names, "-keyout", key, "-out", cert], { stdio: "ignore" });
    return { cert, options: { key: readFileSync(key), cert: readFileSync(cert) } };
  }

  async function startServer(options: SMTPServerOptions) {
    const mails: { readonly secure: boolean; readonly user: unknown }[] = [];
    const server = new SMTPServer({
      allowInsecureAuth: true,
      onAuth: ({ username, password }, _, done) =>
        password === PASSWORD ? done(null, { user: username }) : done(new Error("wrong password")),
      onData(stream, { secure, user }, done) {
        mails.push({ secure, user });
        stream.resume().on("end", () => done(null, "queued"));
      },
      ...options,
    });
    server.on("error", () => {}); // A client that refuses the certificate.
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    onTestFinished(() => void server.close());
    return { port: (server.server.address() as AddressInfo).port, mails }; // It listens on a port.
  }

  async function sendTo(url: string, ca: string | undefined) {
    const home = tempDirectory();
    writeFileSync(join(home, "shim.cjs"), SHIM);
    const mail = `{to: [team@example.com], from: etl@example.com, smtp: "\${env:SMTP_URL}"}`;
    writeFileSync(join(home, "schedule.yml"), scheduleOf(`{when: [failed], email: ${mail}}`));
    const env = {
      PATH: process.env["PATH"],
      HOME: home,
      SMTP_URL: url,
      NODE_OPTIONS: `--require ${join(home, "shim.cjs")}`,
      ...(ca === undefined ? {} : { NODE_EXTRA_CA_CERTS: ca }),
    };
    const words = [resolve("bin/pipelinewise-sched.cjs"), "alerts", "test"];
    const child = spawn(process.execPath, words, { cwd: home, env, stdio: ["ignore", "pipe", "inherit"] });
    let out = "";
    child.stdout.on("data", (bytes: Buffer) => {
      out += bytes;
    });
    const code = await new Promise<number | null>((ended) => child.once("close", ended));
    expect(out).not.toContain(PASSWORD);
    return { code, out };
  }

  const urlOf = (scheme: string, port: number) => `${scheme}://etl:${encodeURIComponent(PASSWORD)}@mail.test:${port}`;

  test.each([
    ["from the beginning", "smtps", true],
    ["after STARTTLS", "smtp", false],
  ])("%s, if the certificate is valid", async (_, scheme, secure) => {
    const { cert, options } = certificate();
    const { port, mails } = await startServer({ ...options, secure });
    const refused = await sendTo(urlOf(scheme, port), undefined);
    expect(refused.out).toMatch(/not accepted: .*certificate/);
    expect(refused.code).toBe(1);
    expect(mails).toEqual([]);
    const sent = await sendTo(urlOf(scheme, port), cert);
    expect(sent.out).toContain("  accepted: 250 queued");
    expect(sent.code).toBe(0);
    expect(mails).toEqual([{ secure: true, user: "etl" }]);
  });

  test("and sends no login to a server without STARTTLS", async () => {
    const logins: unknown[] = [];
    const { port, mails } = await startServer({
      disabledCommands: ["STARTTLS"],
      onAuth: (auth, _, done) => {
        logins.push(auth);
        done(null, { user: "etl" });
      },
    });
    const { code, out } = await sendTo(urlOf("smtp", port), undefined);
    expect(out).toContain("not accepted: the connection to it could not be encrypted: ");
    expect(code).toBe(1);
    expect([logins, mails]).toEqual([[], []]);
  });
});

test("alerts send of a schedule that is not installed ends with 66", async () => {
  const { host, install } = sandbox();
  install();
  expect(await main(["alerts", "send", "--name", "nope"], host)).toBe(66);
  expect(host.err()).toContain("no schedule nope is installed");
});
