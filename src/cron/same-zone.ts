/** Node's own name of each zone that was asked for; it takes Node a while to tell. */
const canonicalNames = new Map<string, string>();

/** Node's name of a zone, the same for all its aliases; a name that this Node does not know is its own. */
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
