import type { Receiver } from "../../alert-rules.ts";
import { findProgram } from "../../system/find-program.ts";
import { type DeliverContext, HTTP, readAddress, SMTP } from "./delivery.ts";
import { smtpOptions } from "./smtp-options.ts";

/** Throws a SchedError if no message can be sent to a receiver. Makes no connection. */
export async function checkReceiver(receiver: Receiver, { resolve }: Pick<DeliverContext, "resolve">): Promise<void> {
  if (receiver.kind !== "email") await readAddress(receiver.url, HTTP, resolve);
  else if ("smtp" in receiver.by) smtpOptions((await readAddress(receiver.by.smtp, SMTP, resolve)).url);
  else await findProgram(receiver.by.sendmail, undefined, "email.sendmail");
}
