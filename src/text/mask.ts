/** Replaces a secret. */
const MASK = "***";

/** A shorter value is not masked: it would also be found in the middle of other words, and so be easy to guess. */
const SHORTEST = 4;
/** Lines of this length in a value of several lines, such as a private key, are also masked alone. */
const LONG_LINE = 16;

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`);

/** A backslash, which is doubled each time that a text is quoted again. */
const BACKSLASH = String.raw`\\{1,8}`;
const LETTER_ESCAPES: Readonly<Record<string, string>> = { "\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f" };

const hex = (code: number, digits: number): string =>
  [...code.toString(16).padStart(digits, "0")]
    .map((digit) => (/\d/.test(digit) ? digit : `[${digit}${digit.toUpperCase()}]`))
    .join("");

/** A character in the forms that it has in URLs, in JSON, and in Python's representation of texts and bytes. */
function characterPattern(character: string): string {
  if (/^[A-Za-z0-9_]$/.test(character)) return character;
  const bytes = [...Buffer.from(character, "utf8")];
  const units = [...Array(character.length).keys()].map((index) => character.charCodeAt(index));
  const code = character.codePointAt(0) ?? 0;
  const letter = LETTER_ESCAPES[character];
  const forms = [
    ...(character === "\\" ? [BACKSLASH] : [`(?:${BACKSLASH})?${literal(character)}`]),
    bytes.map((byte) => `%${hex(byte, 2)}`).join(""),
    units.map((unit) => `${BACKSLASH}u${hex(unit, 4)}`).join(""),
    ...(code < 256 ? [`${BACKSLASH}x${hex(code, 2)}`] : []),
    bytes.map((byte) => `${BACKSLASH}x${hex(byte, 2)}`).join(""),
    ...(units.length > 1 ? [`${BACKSLASH}U${hex(code, 8)}`] : []),
    ...(letter === undefined ? [] : [BACKSLASH + letter]),
    ...(character === " " ? [String.raw`\+`] : []),
    ...(character === "\n" ? [String.raw`\r\n`] : []),
  ];
  return `(?:${forms.join("|")})`;
}

const valuePattern = (value: string): string =>
  // A run of backslashes is one pattern, or the search would try every way to share them out.
  [...value.replace(/\\+/g, "\\")].map(characterPattern).join("");

/** A value, and each long line of it. */
const partsOf = (value: string): readonly string[] => {
  const lines = value.split(/\r?\n/).map((line) => line.trim());
  return [value.trim(), ...(lines.length > 1 ? lines.filter((line) => line.length >= LONG_LINE) : [])];
};

/** Replaces values of at least four characters by `***`, also where they are quoted or encoded. */
export function maskValues(text: string, values: readonly string[]): string {
  const parts = new Set(values.flatMap(partsOf).filter((part) => part.length >= SHORTEST));
  // The longest first: a value may contain another.
  const patterns = [...parts].sort((one, other) => other.length - one.length).map(valuePattern);
  return patterns.length === 0 ? text : text.replace(new RegExp(patterns.join("|"), "g"), MASK);
}
