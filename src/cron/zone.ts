import { editDistance } from "../edit-distance.ts";
import { hasIntl } from "./has-intl.ts";
import { ZONE_ALIASES } from "./zone-aliases.ts";

/** What `Intl` lists leaves out the links, and UTC. */
let spellings: ReadonlyMap<string, string> | undefined;

/** Every name we know by its lower-case form. */
function knownSpellings(): ReadonlyMap<string, string> {
  spellings ??= new Map(
    (hasIntl() ? [...Intl.supportedValuesOf("timeZone"), ...ZONE_ALIASES] : ["UTC"]).map((name) => [
      name.toLowerCase(),
      name,
    ]),
  );
  return spellings;
}

/**
 * A zone's name as canonical in this Node: "Europe/Kyiv" may give "Europe/Kiev", "Etc/UTC" gives "UTC".
 *
 * @returns `undefined` for a name that is unknown, is no IANA name ("+05:30"), or is written in another case
 */
export function findZone(name: string): string | undefined {
  if (!/^[A-Za-z]/.test(name)) return undefined;
  // What most servers follow, without loading zone data.
  if (/^(?:Etc\/)?UTC$/.test(name)) return "UTC";
  const canonical = canonicalZone(name);
  if (canonical === undefined) return undefined;
  const spelling = knownSpellings().get(name.toLowerCase());
  // A name newer than our list is taken as it stands.
  return spelling === undefined || spelling === name ? canonical : undefined;
}

/** A zone's right name, where only the case is wrong: "europe/london" gives "Europe/London". */
export function zoneInRightCase(name: string): string | undefined {
  const spelling = knownSpellings().get(name.toLowerCase());
  return spelling === name ? undefined : spelling;
}

function canonicalZone(name: string): string | undefined {
  if (!hasIntl()) return undefined;
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions().timeZone;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The known names that look most like a mistyped one, nearest first: its case, a slip, or the city alone. */
export function nearestZones(name: string, count: number): readonly string[] {
  const wanted = name.trim().toLowerCase().replaceAll(" ", "_");
  const wantedCity = cityOf(wanted);
  const scored = [...knownSpellings()].map(([lower, spelling]) => {
    const whole = editDistance(wanted, lower);
    // The city alone counts nearly as much: regions are what people do not remember.
    const city = editDistance(wantedCity, cityOf(lower)) + 0.5;
    return { spelling, score: Math.min(whole, city) + whole / 1000 };
  });
  const near = scored.filter(({ score }) => score < Math.max(2, wantedCity.length / 2));
  near.sort((a, b) => a.score - b.score || (a.spelling < b.spelling ? -1 : 1));
  return near.slice(0, count).map(({ spelling }) => spelling);
}

const cityOf = (name: string): string => name.slice(name.lastIndexOf("/") + 1);
