import { StoreError } from "../../errors.ts";

const SUBMISSION_PORT = 587;
const SMTP_PORT = 25;
const SMTPS_PORT = 465;
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|::1)$/i;

/** How to connect to an SMTP server. */
export interface SmtpOptions {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte. */
  readonly secure: boolean;
  /** Nothing is sent without STARTTLS. */
  readonly requireTLS: boolean;
  /** STARTTLS is not used although the server offers it. */
  readonly ignoreTLS: boolean;
  readonly login: { readonly user: string; readonly pass: string } | undefined;
}

/** The part of a URL, decoded. The error does not show it, because it may be a password. */
function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    throw new StoreError("the user name or password in the URL of the SMTP server is not URL-encoded", {
      cause: error,
      hint: "URL-encode every character except letters and digits: write %40 for @ and %25 for %.",
    });
  }
}

/**
 * The options for the URL of an SMTP server. A login never travels unencrypted, except to a server on this machine, whose
 * certificate cannot be valid for `localhost`.
 */
export function smtpOptions(url: URL): SmtpOptions {
  if (!/^\/?$/.test(url.pathname) || url.search !== "" || url.hash !== "") {
    throw new StoreError("the URL of the SMTP server has more than user, password, host and port", {
      hint: "Remove the rest. If the password contains / ? or #, write %2F, %3F or %23.",
    });
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const secure = url.protocol === "smtps:";
  const hasLogin = url.username !== "" || url.password !== "";
  const isLoopback = LOOPBACK.test(host);
  const port = secure ? SMTPS_PORT : hasLogin ? SUBMISSION_PORT : SMTP_PORT;
  return {
    host,
    port: url.port === "" ? port : Number(url.port),
    secure,
    requireTLS: !secure && hasLogin && !isLoopback,
    ignoreTLS: !secure && isLoopback,
    login: hasLogin ? { user: decodePart(url.username), pass: decodePart(url.password) } : undefined,
  };
}
