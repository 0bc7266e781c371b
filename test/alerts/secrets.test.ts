import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { SMTPServer } from "smtp-server";
import { expect, onTestFinished, test } from "vitest";
import { PING_KINDS } from "../../src/alert-rules.ts";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { testHost } from "../support/host.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { sendWaiting } from "./send-waiting.ts";
import { startSink } from "./sink.ts";

const SECRETS = ["s3cr3t-of-the-hook", "s3cr3t-of-the-mail", "s3cr3t-of-the-env-file"];

/** Texts of all files below a directory, by path. */
const filesBelow = (directory: string): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => [join(parentPath, name), readFileSync(join(parentPath, name), "utf8")]),
  );

test("no file, message or output contains a secret of an address, whether receivers accept or refuse", async () => {
  const good = await startSink();
  // It repeats its address, as some services do in their error pages.
  const bad = await startSink((response, request) => {
    response.statusCode = 500;
    response.end(`cannot handle ${request.url}`);
  });
  const server = new SMTPServer({
    allowInsecureAuth: true,
    disabledCommands: ["STARTTLS"],
    onAuth: ({ password }, _, done) => done(new Error(`the password ${password} is wrong`)),
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  onTestFinished(() => void server.close());
  const { port } = server.server.address() as AddressInfo; // It listens on a port, not on a socket file.
  // PipelineWise prints what it finds in its environment.
  const box = sandbox("env; exit 1");
  const envFile = box.file("alerts.env");
  const lines = [
    `GOOD=${good.url}`,
    `BAD=${bad.url}`,
    `SMTP_URL=smtp://etl:s3cr3t-of-the-mail@127.0.0.1:${port}`,
    "SOURCE_PASSWORD=s3cr3t-of-the-env-file",
  ];
  writeFileSync(envFile, `${lines.join("\n")}\n`, { mode: 0o600 });
  const host = { ...box.host, program: "/nonexistent" };
  const when = ["failed"] as const;
  const mail = { kind: "email", to: ["team@example.com"], from: "etl@example.com", by: { smtp: `\${env:SMTP_URL}` } };
  box.install([anEntry()], {
    envFile,
    alerts: [
      { when, receiver: { kind: "slack", url: `\${env:GOOD}` } },
      { when, receiver: { kind: "webhook", url: `\${env:BAD}` } },
      { when: PING_KINDS, receiver: { kind: "ping", url: `\${env:BAD}` } },
      { when, receiver: mail },
    ],
  });
  expect(await runMain([...PAIR_WORDS, "--scheduled"], host)).toBe(1);
  await sendWaiting(box.paths, host);
  const person = testHost({ cwd: box.home, env: box.host.env });
  expect(await main(["alerts", "test", "--name", "pipelinewise"], person)).toBe(1);
  await main(["status"], person);

  const log = box.logText();
  expect(SECRETS.every((secret) => log.includes(secret))).toBe(true); // The run log keeps the output as it is.
  const found = new Map(filesBelow(box.paths.configDir));
  found.set("messages", [...good.bodies, ...bad.bodies].join("\n"));
  found.set("output", [host.out(), host.err(), person.out(), person.err()].join("\n"));
  expect(good.bodies).toHaveLength(2);
  expect(found.get("messages")).toContain("SOURCE_PASSWORD=***");
  expect(found.get("output")).toContain("it refused the login: 535 ");
  const leaks = [...found].filter(([, text]) => SECRETS.some((secret) => text.includes(secret)) && text !== log);
  expect(leaks.map(([path]) => path)).toEqual([]);
});
