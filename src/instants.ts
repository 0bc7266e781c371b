/** An instant in a text for people: UTC, to the second, `2026-11-23 12:00:00Z`. */
export const renderInstant = (at: Date | string | number): string =>
  new Date(at).toISOString().replace("T", " ").replace(/\.\d+/, "");

/** The same to the minute, as crons fire: `2026-11-23 12:00Z`. */
export const renderMinute = (at: Date | string | number): string => renderInstant(at).replace(/:\d\dZ$/, "Z");
