import * as z from "zod/mini";
import { CronSyntaxError } from "../cron/field.ts";
import {
  type DurationRange,
  type NumberRange,
  parseDuration,
  parseLimit,
  parseNumber,
  parseSize,
  ValueError,
} from "./values.ts";

/** The parts of the original error that an issue keeps: the hint, and the offset in the string. */
export interface IssueDetail {
  readonly hint: string | undefined;
  readonly offset: number;
}

/** Converts a value by `parse`. Its errors become issues, so that all problems are shown together. */
const parsed = <I, T>(parse: (input: I) => T) =>
  z.transform((input: I, context: z.core.ParsePayload<unknown>): T => {
    if (input === undefined) {
      // The schema of any value also accepts none. The issue is shown as a missing key.
      context.issues.push({ code: "invalid_type", expected: "string", input });
      return z.NEVER;
    }
    try {
      return parse(input);
    } catch (error) {
      if (!(error instanceof ValueError || error instanceof CronSyntaxError)) throw error;
      const params: IssueDetail = { hint: error.hint, offset: error.offset };
      context.issues.push({ code: "custom", input, message: error.message, params: { ...params } });
      return z.NEVER;
    }
  });

/** A string that `parse` converts. */
export const text = <T>(parse: (input: string) => T, meta: Readonly<Record<string, unknown>>) =>
  z.pipe(z.string().check(z.meta(meta)), parsed(parse));

export const listOf = <T extends z.core.SomeType>(item: T, description?: string) =>
  z.array(item).check(z.minLength(1), z.meta(description === undefined ? {} : { description }));

export const DURATION_PATTERN = "^[0-9]+[smhd]$";
export const SIZE_PATTERN = "^[0-9]+[MG]$";

/** A value of any type that `parse` converts, so that the error for a wrong type can say what to write. */
export const anyValue = <T>(parse: (input: unknown) => T, meta: Readonly<Record<string, unknown>>) =>
  z.pipe(z.unknown().check(z.meta(meta)), parsed(parse));

/** The value of a file as text, for an error. */
export const asText = (input: unknown): string => (typeof input === "string" ? input : JSON.stringify(input));

/** A duration such as `30s`, `5m`, `2h` or `1d`, in milliseconds. The error for `timeout: 300` names the units. */
export const duration = (description: string, range: DurationRange = {}, examples = ["30s", "2h"]) =>
  anyValue((input) => parseDuration(asText(input), range), {
    type: "string",
    pattern: DURATION_PATTERN,
    description,
    examples,
  });

/** A size such as `100M`, in bytes. */
export const size = (description: string, examples: readonly string[]) =>
  anyValue((input) => parseSize(asText(input)), { type: "string", pattern: SIZE_PATTERN, description, examples });

/** A number of pipelines that may run at once. */
export const limit = (description: string) =>
  anyValue(parseLimit, { type: "integer", minimum: 1, description, examples: [4] });

/** A number in a range. */
export const number = (description: string, range: NumberRange) =>
  anyValue((input) => parseNumber(input, range), {
    type: range.whole === true ? "integer" : "number",
    minimum: range.least,
    maximum: range.most,
    description,
  });
