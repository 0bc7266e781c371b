/** The styles that `colors.ts` writes. */
const OWN_STYLE = String.raw`\p{Cc}\[(?:[12]|22|33|39)m`;
/** Control characters (C0, DEL, C1), line separators, and the characters that change the direction of a text. */
const CONTROL = String.raw`[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]`;
/** A character that ends a line, or changes how a terminal shows the rest of it. */
export const CONTROL_CHARACTER = new RegExp(CONTROL, "u");
const SHOWN = new RegExp(String.raw`(?![\n\t])(?:${OWN_STYLE}|${CONTROL})`, "gu");

/** A text without such a character needs no change. Most texts have none, and this is much faster than `SHOWN`. */
const NOT_PLAIN = /[^\t\n -~]/;

const ESCAPE = "\u001b";

const escapeCharacter = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/**
 * Shows the control characters of a text as `\u001b`, except line ends and tabs, so that no file name, file content or
 * answer of a program can control the terminal or disguise a mail. JSON stays valid and keeps its meaning.
 *
 * @param isTerminal whether this program's own styles are kept
 */
export const showControlCharacters = (text: string, isTerminal: boolean): string =>
  NOT_PLAIN.test(text)
    ? text.replace(SHOWN, (found) =>
        isTerminal && found.startsWith(`${ESCAPE}[`) ? found : `${escapeCharacter(found)}${found.slice(1)}`,
      )
    : text;

/** Escape sequences: first those with a text of their own, such as a window title, then CSI, then the short ones. */
const SEQUENCES = [
  String.raw`(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u009c\n]*(?:\u0007|\u001b\\|\u009c)?`,
  String.raw`(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?`,
  String.raw`\u001b[ -/]*[0-~]?`,
];
const SEQUENCE = new RegExp(SEQUENCES.join("|"), "g");

/** Removes the escape sequences of a text, such as colours and window titles. */
export const removeEscapeSequences = (text: string): string => text.replace(SEQUENCE, "");
