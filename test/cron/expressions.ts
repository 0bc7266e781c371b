import fc from "fast-check";

const value = (low: number, high: number) => fc.integer({ min: low, max: high });
const item = (low: number, high: number) =>
  fc.oneof(
    fc.constant("*"),
    value(1, high + 2).map((step) => `*/${step}`),
    value(low, high).map(String),
    fc.tuple(value(low, high), value(low, high), fc.option(value(1, high))).map(([a, b, step]) => {
      const range = `${Math.min(a, b)}-${Math.max(a, b)}`;
      return step === null ? range : `${range}/${step}`;
    }),
  );
const field = (low: number, high: number) =>
  fc.array(item(low, high), { minLength: 1, maxLength: 3 }).map((items) => items.join(","));
/** Mostly `*`, so that most cases have starts near the clock change. */
const mostly = (low: number, high: number) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant("*") }, { weight: 1, arbitrary: field(low, high) });
/** Expressions that cron accepts, with every form of field; some never fire. */
export const expressions = fc
  .tuple(field(0, 59), fc.oneof(field(0, 23), field(0, 4)), mostly(1, 31), mostly(1, 12), mostly(0, 7))
  .map((fields) => fields.join(" "));
