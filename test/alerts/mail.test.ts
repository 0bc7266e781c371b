import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { describe, expect, onTestFinished, test } from "vitest";
import type { EmailReceiver } from "../../src/alert-rules.ts";
import { checkReceiver } from "../../src/alerts/receivers/check-receiver.ts";
import { deliver } from "../../src/alerts/receivers/deliver.ts";
import { renderMail } from "../../src/alerts/receivers/mail.ts";
import { smtpOptions } from "../../src/alerts/receivers/smtp-options.ts";
import { renderMessage } from "../../src/alerts/render.ts";
import { tempDirectory } from "../support/host.ts";

const PASSWORD = "p@ss/w0rd-of-the-mail";
const SMTP = { smtp: `\${env:SMTP_URL}` } as const;

/** A message with alerts of these pipelines, which failed. */
function messageOf(...taps: readonly string[]) {
  const at = "2026-11-26T01:15:02.301Z";
  const alerts = taps.map((tap) => {
    const entry = { tap, target: "redshift", command: "run_tap" };
    const run = { id: "0mhs4j7k2a9qzx", host: "etl-1", startedAt: at, endedAt: at, exitCode: 1, log: "/logs/x.log" };
    const last = { id: run.id, kind: "failed", entry, at, run, lastLines: ["first", ".", "könnte nicht"] } as const;
    return { kind: "failed", entry, since: at, last, isReminder: false } as const;
  });
  return renderMessage(alerts, {
    id: "0mhs4j7k2a9qzx-1f3a5b7c",
    schedule: "warehouse",
    entries: [],
    machineZone: "UTC",
    now: new Date(at),
  });
}

/** An SMTP server on loopback, without TLS unless it is asked for, that keeps the mails that it gets. */
async function startServer(options: SMTPServerOptions = {}) {
  const mails: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    allowInsecureAuth: true,
    disabledCommands: ["STARTTLS"],
    onAuth: ({ username, password }, _, done) =>
      username === "etl" && password === PASSWORD
        ? done(null, { user: "etl" })
        : done(new Error(`wrong password ${password}`)),
    onData(stream, _, done) {
      let text = "";
      stream.on("data", (bytes: Buffer) => {
        text += bytes;
      });
      stream.on("end", () => {
        mails.push(text);
        done(null, "queued as 42");
      });
    },
    ...options,
  });
  server.on("error", () => {}); // A client that refuses the certificate.
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.server.address() as AddressInfo; // It listens on a port, not on a socket file.
  return { port, mails };
}

const toTeam = (by: EmailReceiver["by"] = SMTP): EmailReceiver => ({
  kind: "email",
  to: ["team@example.com", "boss@example.com"],
  from: "etl@example.com",
  by,
});

const send = (url: string, { limitMs = 10_000, taps = ["orders_eu"] } = {}) =>
  deliver(toTeam(), messageOf(...taps), { host: { env: {} }, resolve: async () => url, limitMs });

const LOGIN = `etl:${encodeURIComponent(PASSWORD)}@`;

test("a mail has a subject, the facts and the last lines, and the same Message-ID when it is sent again", async () => {
  const { port, mails } = await startServer();
  const url = `smtp://${LOGIN}127.0.0.1:${port}`;
  for (const _ of [1, 2]) {
    expect(await send(url)).toEqual({ kind: "accepted", answer: "250 queued as 42" });
  }
  const [mail = "", again = ""] = mails;
  const header = (name: string, text: string) => new RegExp(`^${name}: (.*)`, "m").exec(text)?.[1]?.trim();
  expect(header("From", mail)).toBe("etl@example.com");
  expect(header("To", mail)).toBe("team@example.com, boss@example.com");
  expect(header("Auto-Submitted", mail)).toBe("auto-generated");
  expect(header("Message-ID", mail)).toBe("<0mhs4j7k2a9qzx-1f3a5b7c@example.com>");
  expect(header("Message-ID", again)).toBe(header("Message-ID", mail));
});

test("the text of a mail", () => {
  expect(renderMail(messageOf("orders_eu"))).toEqual({
    subject: "[warehouse] orders_eu → redshift failed with exit code 1, since 2026-11-26 01:15Z",
    text: `orders_eu → redshift failed with exit code 1, since 2026-11-26 01:15Z
  host etl-1, run 0mhs4j7k2a9qzx, started 2026-11-26 01:15:02Z, ended 2026-11-26 01:15:02Z
  log: /logs/x.log
  last lines:
  | first
  | .
  | könnte nicht
`,
  });
  const three = messageOf("a", "b", "c");
  const alerts = three.alerts.map((alert, index) => (index === 0 ? { ...alert, kind: "late" as const } : alert));
  expect(renderMail({ ...three, alerts }).subject).toBe("[warehouse] 2 failed, 1 late");
  const { text } = renderMail(messageOf(...Array.from({ length: 60 }, (_, index) => `tap_${index}`)));
  expect(text.match(/last lines/g)).toHaveLength(50);
  expect(text).toContain("tap_59 → redshift failed");
});

describe("a server that refuses", () => {
  const refuse = (responseCode: number, text: string) => Object.assign(new Error(text), { responseCode });
  test.each<[name: string, options: SMTPServerOptions, reason: string, isFinal: boolean]>([
    [
      "a recipient for good",
      { onRcptTo: (_, __, done) => done(refuse(550, "no such user")) },
      "it answered 550 no such user",
      true,
    ],
    [
      "a recipient for now",
      { onRcptTo: (_, __, done) => done(refuse(450, "greylisted")) },
      "it answered 450 greylisted",
      false,
    ],
    [
      "one of the recipients",
      {
        onRcptTo: ({ address }, _, done) => (/^boss/.test(address) ? done(refuse(450, "greylisted")) : done()),
      },
      "it refused boss@example.com: 450 greylisted",
      true,
    ],
    ["a mail of this size", { size: 100 }, "Message size larger than allowed 100", true],
    ["mail without a login", { authOptional: false }, "it answered 530", false],
    ["the connection", { onConnect: (_, done) => done(refuse(554, "go away")) }, "it answered 554 go away", false],
  ])("%s", async (_, options, reason, isFinal) => {
    const { port } = await startServer(options);
    const delivery = await send(`smtp://127.0.0.1:${port}`);
    expect(delivery).toMatchObject({ kind: "failed", isFinal, reason: expect.stringContaining(reason) });
  });

  test("a login, and its answer is masked", async () => {
    const { port } = await startServer();
    const delivery = await send(`smtp://etl:wrong-password@127.0.0.1:${port}`);
    expect(delivery).toEqual({ kind: "failed", reason: expect.stringContaining("wrong password ***"), isFinal: false });
    expect(delivery).toMatchObject({ reason: expect.stringContaining("it refused the login: 535 ") });
  });
});

test("nothing is sent to a server whose certificate is not valid", async () => {
  const directory = tempDirectory();
  const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
  const args = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"];
  execFileSync("openssl", [...args, "-keyout", key, "-out", cert], { stdio: "ignore" });
  const logins: unknown[] = [];
  const { port, mails } = await startServer({
    secure: true,
    key: readFileSync(key),
    cert: readFileSync(cert),
    onAuth: (auth, _, done) => {
      logins.push(auth);
      done(null, { user: "etl" });
    },
  });
  const delivery = await send(`smtps://${LOGIN}localhost:${port}`);
  expect(delivery).toMatchObject({ kind: "failed", reason: expect.stringContaining("certificate"), isFinal: false });
  expect([logins, mails]).toEqual([[], []]);
});

test.each([
  ["that does not answer", "", "it did not answer within 0.2 s"],
  ["that closes the connection", undefined, "it cannot be reached"],
])("the sender gives up on a server %s", async (_, greeting, reason) => {
  const server = createServer((socket) => {
    if (greeting === undefined) socket.destroy();
    else socket.write(greeting);
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo; // It listens on a port, not on a socket file.
  const limitMs = greeting === undefined ? 10_000 : 200;
  const delivery = await send(`smtp://127.0.0.1:${port}`, { limitMs });
  expect(delivery).toMatchObject({ kind: "failed", reason: expect.stringContaining(reason), isFinal: false });
});

test("a port on which no server listens is a failure that may pass", async () => {
  const delivery = await send("smtp://127.0.0.1:1");
  expect(delivery).toEqual({ kind: "failed", reason: expect.stringContaining("ECONNREFUSED"), isFinal: false });
});

describe("the URL of an SMTP server", () => {
  test.each<[url: string, port: number, secure: boolean, requireTLS: boolean, ignoreTLS: boolean]>([
    ["smtps://u:p@mail.example.com", 465, true, false, false],
    ["smtp://u:p@mail.example.com", 587, false, true, false],
    ["smtp://u:p@mail.example.com:2525/", 2525, false, true, false],
    ["smtp://mail.example.com", 25, false, false, false],
    ["smtp://u:p@localhost", 587, false, false, true],
    ["smtp://[::1]:26", 26, false, false, true],
    ["smtps://u:p@localhost", 465, true, false, false],
  ])("%s", (url, port, secure, requireTLS, ignoreTLS) => {
    expect(smtpOptions(new URL(url))).toMatchObject({ port, secure, requireTLS, ignoreTLS });
  });

  test("a password is decoded", () => {
    expect(smtpOptions(new URL(`smtps://${LOGIN}mail.example.com`)).login).toEqual({ user: "etl", pass: PASSWORD });
  });

  test.each([
    ["smtps://u:s3cr3t@mail.example.com/?pool=true", "has more than"],
    ["smtps://u:100%s3cr3t@mail.example.com", "is not URL-encoded"],
    ["https://s3cr3t.example.com", "does not contain a URL that begins with smtps:// or smtp://"],
  ])("%s is refused, and no secret is shown", async (url, text) => {
    const delivery = await send(url);
    expect(delivery).toMatchObject({ kind: "failed", reason: expect.stringContaining(text), isFinal: false });
    expect(JSON.stringify(delivery)).not.toContain("s3cr3t");
  });
});

describe("sendmail", () => {
  function program(script: string) {
    const directory = tempDirectory();
    const path = join(directory, "sendmail");
    writeFileSync(path, `#!/bin/sh\ncd ${directory}\n${script}\n`, { mode: 0o755 });
    return { path, read: (name: string) => readFileSync(join(directory, name), "utf8") };
  }
  const sendBy = (path: string, { limitMs = 10_000, receiver = toTeam({ sendmail: path }) } = {}) =>
    deliver(receiver, messageOf("orders_eu"), {
      host: { env: { PATH: "/usr/bin:/bin" } },
      resolve: async (written) => written,
      limitMs,
    });

  test("gets the mail on stdin, with the sender and the recipients as arguments", async () => {
    const { path, read } = program('echo "$@" > args; cat > mail');
    expect(await sendBy(path)).toEqual({ kind: "accepted", answer: `${path} accepted the mail` });
    expect(read("args")).toBe("-i -f etl@example.com team@example.com boss@example.com\n");
    expect(read("mail")).toContain("\nMessage-ID: <0mhs4j7k2a9qzx-1f3a5b7c@example.com>\n");
    expect(read("mail")).not.toContain("\r");
    const { from: _, ...receiver } = toTeam({ sendmail: path });
    await sendBy(path, { receiver });
    expect(read("args")).toBe("-i team@example.com boss@example.com\n");
    expect(read("mail")).not.toContain("\nFrom:");
  });

  test.each([
    ["fails", "echo 'no queue' >&2; exit 75", "ended with exit code 75: no queue", 10_000],
    ["hangs", "exec sleep 60", "did not answer within 0.2 seconds", 200],
  ])("that %s is a failure that may pass", async (_, script, reason, limitMs) => {
    const { path } = program(script);
    const delivery = await sendBy(path, { limitMs });
    expect(delivery).toMatchObject({ kind: "failed", reason: expect.stringContaining(reason), isFinal: false });
  });

  test("that does not exist is found before it is needed", async () => {
    const receiver = toTeam({ sendmail: "/nonexistent/sendmail" });
    const resolve = async (written: string) => written;
    await expect(checkReceiver(receiver, { resolve })).rejects.toThrow('"/nonexistent/sendmail" was not found');
    const delivery = await sendBy("/nonexistent/sendmail");
    expect(delivery).toMatchObject({ reason: expect.stringContaining("was not found"), isFinal: false });
  });
});
