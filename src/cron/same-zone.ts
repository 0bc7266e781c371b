/** Node's canonical name of each zone, cached because looking it up is slow. */
const canonicalNames = new Map<string, string>();

/** Node's canonical name of a zone, the same for all its aliases. A zone that Node does not know keeps its name. */
function canonicalName(zone: string): string {
  let name = canonicalNames.get(zone);
  if (name === undefined) {
    try {
      name = new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
    } catch {
      name = zone;
    }
    canonicalNames.set(zone, name);
  }
  return name;
}

/** Whether two zone names mean the same zone: `Etc/UTC` is `UTC`. */
export const sameZone = (one: string, other: string): boolean =>
  one === other || canonicalName(one) === canonicalName(other);
