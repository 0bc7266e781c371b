import { once } from "node:events";
import { connect } from "node:net";
import MailComposer from "nodemailer/lib/mail-composer";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import type { EmailReceiver } from "../../alert-rules.ts";
import type { SignalSource } from "../../host.ts";
import { callProgram, lastLine } from "../../system/call-program.ts";
import { findProgram } from "../../system/find-program.ts";
import type { AlertMessage } from "../render.ts";
import {
  connectionReason,
  type Delivery,
  failed,
  type LimitedContext,
  masked,
  noAnswer,
  readAddress,
  SMTP,
} from "./delivery.ts";
import { renderMail } from "./mail.ts";
import { type SmtpOptions, smtpOptions } from "./smtp-options.ts";

/** Delivers a message as a mail. */
export async function deliverMail(
  receiver: EmailReceiver,
  message: AlertMessage,
  context: LimitedContext,
): Promise<Delivery> {
  const bytes = await encode(receiver, message);
  const { by, ...envelope } = receiver;
  return "smtp" in by
    ? sendBySmtp(by.smtp, { envelope, bytes }, context)
    : sendByProgram(by.sendmail, { envelope, bytes }, context);
}

interface EncodedMail {
  readonly envelope: Pick<EmailReceiver, "to" | "from">;
  readonly bytes: Buffer;
}

/** A mail that is sent again has the same Message-ID, so that a mailbox can recognise it. */
function encode({ to, from }: EmailReceiver, message: AlertMessage): Promise<Buffer> {
  const { subject, text } = renderMail(message);
  const [, domain] = (from ?? to[0] ?? "").split("@");
  const mail = new MailComposer({
    ...(from === undefined ? {} : { from }),
    to: [...to],
    subject,
    text,
    messageId: `<${message.id}@${domain}>`,
    // Asks mail programs not to answer, for example with an out-of-office notice.
    headers: { "Auto-Submitted": "auto-generated" },
  });
  return mail.compile().build();
}

/** The parts of nodemailer's errors that say what failed. */
interface SmtpError extends Error {
  readonly code?: string;
  readonly response?: string;
  readonly responseCode?: number;
}

/** A reply with which a server asks for a login. The message itself is not refused. */
const LOGIN_REQUIRED = 530;

function smtpFailure(error: SmtpError): Delivery {
  const { code, response, responseCode = 0 } = error;
  const reply = response ?? error.message;
  if (code === "EAUTH") return failed(`it refused the login: ${reply}`);
  if (code === "ETLS") return failed(`the connection to it could not be encrypted: ${reply}`);
  const isAboutMail = code === "EENVELOPE" || code === "EMESSAGE";
  if (response === undefined && !isAboutMail) return failed(connectionReason(error));
  // The server accepted the connection and the login. A reply of 500 or more then refuses this mail for good. Without a
  // reply, nodemailer did not send the mail, because it is larger than the server allows.
  const isFinal = response === undefined || (isAboutMail && responseCode >= 500 && responseCode !== LOGIN_REQUIRED);
  return { kind: "failed", reason: response === undefined ? reply : `it answered ${reply}`, isFinal };
}

/** Sends a mail by SMTP. TLS certificates are verified. */
async function sendBySmtp(written: string, mail: EncodedMail, { resolve, limitMs }: LimitedContext): Promise<Delivery> {
  const { url, mask } = await readAddress(written, SMTP, resolve);
  const options = smtpOptions(url);
  // Connected here, because nodemailer would ask DNS itself and leave out /etc/hosts.
  const socket = connect(options);
  const connection = new SMTPConnection({ ...options, connection: socket });
  const broken = new Promise<never>((_, reject) => {
    socket.once("error", reject);
    connection.on("error", reject);
    connection.once("end", () => reject(new Error("it closed the connection")));
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Delivery>((resolve) => {
    timer = setTimeout(() => resolve(failed(noAnswer(limitMs))), limitMs);
  });
  const session = async (): Promise<Delivery> => {
    await once(socket, "connect");
    return converse(connection, options, mail);
  };
  try {
    return masked(await Promise.race([session(), broken, late]), mask);
  } catch (error) {
    return masked(smtpFailure(error as SmtpError), mask); // The errors of nodemailer and of the socket.
  } finally {
    clearTimeout(timer);
    connection.close();
    socket.destroy();
  }
}

/** The commands of a session, after the connection is made. */
async function converse(
  connection: SMTPConnection,
  { login }: SmtpOptions,
  { envelope: { from, to }, bytes }: EncodedMail,
): Promise<Delivery> {
  await step<void>((done) => connection.connect((error) => done(error ?? null)));
  if (login !== undefined) await step((done) => connection.login(login, done));
  const envelope: SMTPConnection.Envelope = { from: from ?? false, to: [...to], size: bytes.length };
  const sent = await step<SMTPConnection.SentMessageInfo>((done) => connection.send(envelope, bytes, done));
  connection.quit();
  const [refused] = sent.rejectedErrors ?? [];
  if (refused === undefined) return { kind: "accepted", answer: sent.response };
  // The other recipients have the mail, so it is not sent again.
  const reason = `it refused ${sent.rejected.join(", ")}: ${refused.response ?? refused.message}`;
  return { kind: "failed", reason, isFinal: true };
}

/** One step of a session, which calls back. */
const step = <T>(start: (done: (error: Error | null, result?: T) => void) => void): Promise<T> =>
  new Promise((resolve, reject) => {
    start((error, result) => (error === null ? resolve(result as T) : reject(error))); // Without an error, it has a result.
  });

/** The process that sends alerts handles signals itself. */
const NO_SIGNALS: SignalSource = { on: () => undefined, off: () => undefined };
const LONGEST_OUTPUT = 1_048_576;

/** Sends a mail by a program that has the options of sendmail. */
async function sendByProgram(
  program: string,
  { envelope: { from, to }, bytes }: EncodedMail,
  { host: { env }, limitMs }: LimitedContext,
): Promise<Delivery> {
  const words = [program, "-i", ...(from === undefined ? [] : ["-f", from]), ...to];
  const limits = { answerMs: limitMs, graceMs: 1_000, signalMs: limitMs, mostBytes: LONGEST_OUTPUT };
  const input = bytes.toString().replaceAll("\r\n", "\n");
  await findProgram(program, undefined, "email.sendmail");
  const answer = await callProgram(words, { env, signals: NO_SIGNALS, limits, input });
  if (answer.exitCode === 0) return { kind: "accepted", answer: `${program} accepted the mail` };
  const end = answer.signal ?? `exit code ${answer.exitCode}`;
  const line = lastLine(answer.stderr) ?? lastLine(answer.stdout);
  return failed(`${program} ended with ${end}${line === undefined ? "" : `: ${line}`}`);
}
