/** A stored file has an invalid part, which the message names. */
export class GarbledError extends Error {}

/** A decoded JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/** The value, if it is an object that is not a list. `at` names the value in the error of this and of the others. */
export function object(value: unknown, at: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new GarbledError(`${at} is not an object`);
  return value as Fields; // Decoded JSON: an object that is not a list has string keys.
}

/** The value, if it is a number. */
export function number(value: unknown, at: string): number {
  if (typeof value !== "number") throw new GarbledError(`${at} is not a number`);
  return value;
}

/** The value, if it is text. */
export function string(value: unknown, at: string): string {
  if (typeof value !== "string") throw new GarbledError(`${at} is not a string`);
  return value;
}

/** The value, if it is text or absent. */
export const optional = (value: unknown, at: string): string | undefined =>
  value === undefined ? undefined : string(value, at);

/** A list, with each item decoded. */
export function list<T>(value: unknown, at: string, decode: (item: unknown, at: string) => T): readonly T[] {
  if (!Array.isArray(value)) throw new GarbledError(`${at} is not a list`);
  return value.map((item, index) => decode(item, `${at}[${index}]`));
}

/** An object whose values are decoded. */
export function record<T>(
  value: unknown,
  at: string,
  decode: (item: unknown, at: string) => T,
): Readonly<Record<string, T>> {
  const fields = Object.entries(object(value, at));
  return Object.fromEntries(fields.map(([key, item]) => [key, decode(item, `${at}.${key}`)]));
}

/** Text that is an instant. */
export function instant(value: unknown, at: string): string {
  const text = string(value, at);
  if (Number.isNaN(Date.parse(text))) throw new GarbledError(`${at} is not an instant`);
  return text;
}

/** Text in which `faultOf` finds nothing wrong. */
export function word(value: unknown, at: string, faultOf: (word: string) => string | undefined): string {
  const text = string(value, at);
  const fault = faultOf(text);
  if (fault !== undefined) throw new GarbledError(`${at} ${fault}`);
  return text;
}

/** Text that is an absolute path. */
export function absolute(value: unknown, at: string): string {
  const path = string(value, at);
  if (!path.startsWith("/")) throw new GarbledError(`${at} is not an absolute path`);
  return path;
}

/** Text that is one of the known ones. */
export function oneOf<T extends string>(value: unknown, at: string, known: readonly T[]): T {
  const word = known.find((one) => one === value);
  if (word === undefined) throw new GarbledError(`${at} is not one of ${known.join(", ")}`);
  return word;
}

/** The value, if it is a number or absent. */
export const optionalNumber = (value: unknown, at: string): number | undefined =>
  value === undefined ? undefined : number(value, at);
