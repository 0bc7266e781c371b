const canonical = (zone: string): string =>
  new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;

/** Whether two zone names mean the same zone: `Etc/UTC` is `UTC`. */
export function sameZone(one: string, other: string): boolean {
  if (one === other) return true;
  try {
    return canonical(one) === canonical(other);
  } catch {
    // A name that this Node does not know is no other zone's name.
    return false;
  }
}
