import { isSafeWord } from "../command-line.ts";
import { findZone, hasIntl, nearestZones, zoneInRightCase } from "../cron/zone-names.ts";
import { quoted } from "./problem.ts";

/** A string in the file is not valid for its key. */
export class TextFault extends Error {
  readonly hint: string | undefined;
  /** Offset of the error in the text, from 0. */
  readonly offset: number;

  constructor(message: string, hint?: string, offset = 0) {
    super(message);
    this.name = "TextFault";
    this.hint = hint;
    this.offset = offset;
  }
}

/** Control characters, line ends, and halves of a character pair. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

function printableText(text: string): string {
  const { index } = UNPRINTABLE.exec(text) ?? {};
  if (index === undefined) return text;
  const what = text[index] === "\n" ? "a line end" : `the character ${quoted(text.charAt(index)).slice(1, -1)}`;
  throw new TextFault(`${quoted(text)} contains ${what}`, "Write it on one line, in printable characters.");
}

/**
 * Checks a text against a rule.
 *
 * @param fault result of `connectorIdFault` or `nameFault`
 */
export function wordText(text: string, fault: string | undefined): string {
  if (fault === undefined) return text;
  const [message = fault, hint] = fault.split(/: (.*)/s);
  throw new TextFault(`${quoted(text)} ${message}`, hint === undefined ? hint : `${sentence(hint)}.`);
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/**
 * A zone that this Node knows, in the user's spelling: the canonical name may be outdated, such as Asia/Calcutta for
 * Asia/Kolkata. All names of UTC are equivalent.
 */
export function knownZone(text: string): string {
  const zone = findZone(text);
  if (zone !== undefined) return zone === "UTC" ? zone : text;
  if (!hasIntl()) {
    const what = `the time zone ${quoted(text)} is not available: this Node was built without Intl and supports only UTC`;
    throw new TextFault(what, "Use a Node from nodejs.org or from your system's packages, or write UTC.");
  }
  const spelling = zoneInRightCase(text);
  if (spelling !== undefined) throw new TextFault(`${quoted(text)} is spelled ${spelling}`, `Write ${spelling}.`);
  const near = text.length > LONGEST_ZONE ? [] : nearestZones(text, 3);
  if (near.length > 0)
    throw new TextFault(`${quoted(text)} is not a known time zone`, `Similar names: ${near.join(", ")}.`);
  // A name of the right form may be newer than this Node's zone data.
  const newer = /^[A-Z]\w+\/[A-Z]\w+/.test(text)
    ? " If the zone is new, this Node's zone data may be too old: node -p process.versions.tz"
    : "";
  throw new TextFault(`${quoted(text)} is not a known time zone`, `Write an IANA name, such as Europe/London.${newer}`);
}

/** Longer than any zone name with a typing mistake; comparing takes time. */
const LONGEST_ZONE = 60;

/** A note becomes a comment line of the crontab. */
export function noteText(text: string): string {
  const note = printableText(text.replace(/\n$/, "")).trim();
  // Debian's `crontab -l` prints a carriage return as these two characters, so `install` would take such a line for
  // one.
  if (note.endsWith(String.raw`\r`))
    throw new TextFault(String.raw`a note may not end in \r`, "Add a full stop after it.");
  if (note.length > MAX_NOTE) {
    throw new TextFault(`the note has ${note.length} characters`, `Shorten it to ${MAX_NOTE} characters.`);
  }
  return note;
}

const MAX_NOTE = 200;

/** A program without arguments; a program with arguments must be a list. */
export function programText(text: string): string {
  const program = printableText(text);
  if (program.trim() === "") throw new TextFault("the command is empty", "Write `pipelinewise`, or its path.");
  if (!/\s/.test(program)) return program;
  const list = program.trim().split(/\s+/).join(", ");
  throw new TextFault(
    `${quoted(text)} would be one program with spaces in its name`,
    `Write the program and its arguments as a list: command: [${list}].`,
  );
}

/** One argument of a command. */
export function commandWord(text: string): string {
  if (text === "") throw new TextFault("an argument of the command is empty", "Remove it.");
  return printableText(text);
}

/** A directory or file: absolute, below `~/`, or relative to the schedule's directory. */
export function pathText(text: string): string {
  const path = printableText(text);
  if (path.trim() === "") throw new TextFault("the path is empty", "Write a path, or remove the key.");
  if (path.startsWith("$")) throw new TextFault(`${quoted(text)}: variables are not expanded here`, FROM_HOME);
  if (/^~[^/]/.test(path)) throw new TextFault(`${quoted(text)}: ~USER is not supported`, FROM_HOME);
  return path;
}

const FROM_HOME = "Write an absolute path, or begin it with ~/ for your home directory.";

export function envName(text: string): string {
  if (text === "PIPELINEWISE_CONFIG_DIRECTORY") {
    throw new TextFault(
      `${text} must not be set here`,
      "Use the key config_dir: the locks and the history are in that directory too.",
    );
  }
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(text)) return text;
  throw new TextFault(
    `${quoted(text)} is not a valid variable name`,
    "Use letters, digits and _, and do not begin with a digit.",
  );
}

/** A value for the environment; each `${` in it begins `${file:PATH}` or `${env:NAME}`. */
export function envValue(text: string): string {
  const nul = text.indexOf("\0");
  if (nul >= 0) throw new TextFault("a variable cannot contain a NUL character", undefined, nul);
  for (const { 0: opening, index } of text.matchAll(/\$\{[^}]*\}?/g)) {
    const [, kind, what] = /^\$\{(file|env):([^}]+)\}$/.exec(opening) ?? [];
    if (kind === undefined || what === undefined) {
      throw new TextFault(`${quoted(opening)} is not a reference`, REFERENCES, index);
    }
    if (kind === "file") pathText(what);
    else envName(what);
  }
  return text;
}

const REFERENCES = `Use \${file:PATH} for the content of a file, or \${env:NAME} for a variable.`;

/** A server's URL without its last slash, so that paths can be appended. */
export function serverUrl(text: string): string {
  // The message must not show what may be a password.
  const shown = quoted(text.replace(/^([^/@]*\/\/)?[^/]*@/, "$1…@"));
  if (!URL.canParse(text)) throw new TextFault(`${shown} is not a URL`, WHOLE_URL);
  const { protocol, username, password, search, hash, origin, pathname } = new URL(text);
  if (protocol !== "http:" && protocol !== "https:")
    throw new TextFault(`${shown} is not an http or https URL`, WHOLE_URL);
  if (username !== "" || password !== "") {
    throw new TextFault(`${shown} contains a user name or password`, "Remove it: the API key is enough for Cronicle.");
  }
  if (search !== "" || hash !== "") throw new TextFault(`${shown} contains more than the server's base URL`, WHOLE_URL);
  return `${origin}${pathname.replace(/\/+$/, "")}`;
}

const WHOLE_URL = "Write it as http://HOST:3012 or https://HOST.";

/** A reference to a secret. Any other value may be the secret itself and is not shown. */
export function secretReference(text: string): string {
  const [, kind, what] = /^\$\{(file|env):([^}]+)\}$/.exec(text) ?? [];
  if (kind === undefined || what === undefined) {
    throw new TextFault(
      "secrets are not allowed in the schedule file; use a reference",
      `Write \${file:PATH} for a file of mode 0600 that contains it, or \${env:NAME}. If the secret was in this file, replace it: others may have read it.`,
    );
  }
  if (kind === "file") pathText(what);
  else envName(what);
  return text;
}

/** A Cronicle server or server group. */
export function serverWord(text: string): string {
  if (/^[\w.-]+$/.test(text)) return text;
  throw new TextFault(`${quoted(text)} is not a server or group name`, "Use A-Z a-z 0-9 _ . - as Cronicle does.");
}

/** A title of one line. */
export function titleText(text: string): string {
  if (text.trim() === "") throw new TextFault("the name is empty", "Write a name, or remove the key.");
  return printableText(text);
}

/** A table or column. PipelineWise puts tables unquoted into a shell command, in a list with commas. */
export function tableName(text: string): string {
  if (isSafeWord(text) && !text.includes(",") && !text.startsWith("-")) return text;
  throw new TextFault(
    `${quoted(text)} is not a safe name: PipelineWise puts it into a shell command`,
    "Use A-Z a-z 0-9 _ . / : = @ + - and do not begin with -.",
  );
}

/** The name of a data-diff check. */
export function checkName(text: string): string {
  const name = printableText(text);
  if (name.trim() !== "" && !name.startsWith("-")) return name;
  throw new TextFault(`${quoted(text)} is not the name of a check`, "Write the name, and do not begin with -.");
}

/** The start or end of a partial sync. PipelineWise puts it into a shell command, in double quotes. */
export function syncValue(text: string): string {
  const value = printableText(text);
  const index = value.search(/["$`\\]|^-|^$/);
  if (index < 0) return value;
  throw new TextFault(
    `${quoted(text)} is not a safe value: PipelineWise puts it into a shell command in double quotes`,
    'Use no " $ ` or backslash, and do not begin with -.',
    index,
  );
}
