import { editDistance } from "../text/suggest.ts";

/** Whether this Node has time zone data. A Node without Intl supports only UTC; one with small-icu has all zones. */
export const hasIntl = (): boolean => typeof Intl === "object";

/**
 * Names of zones that `Intl` accepts but does not list: links and former names from the tz database 2025b, in its
 * spelling. (`Intl` ignores the case.)
 */
const ZONE_ALIASES: readonly string[] = `
Africa/Asmara Africa/Timbuktu America/Argentina/Buenos_Aires America/Argentina/Catamarca
America/Argentina/ComodRivadavia America/Argentina/Cordoba America/Argentina/Jujuy America/Argentina/Mendoza
America/Atikokan America/Atka America/Ensenada America/Fort_Wayne America/Indiana/Indianapolis
America/Kentucky/Louisville America/Knox_IN America/Montreal America/Nipigon America/Nuuk America/Pangnirtung
America/Porto_Acre America/Rainy_River America/Rosario America/Santa_Isabel America/Shiprock America/Thunder_Bay
America/Virgin America/Yellowknife Antarctica/South_Pole Asia/Ashkhabad Asia/Choibalsan Asia/Chongqing
Asia/Chungking Asia/Dacca Asia/Harbin Asia/Ho_Chi_Minh Asia/Istanbul Asia/Kashgar Asia/Kathmandu Asia/Kolkata
Asia/Macao Asia/Tel_Aviv Asia/Thimbu Asia/Ujung_Pandang Asia/Ulan_Bator Asia/Yangon Atlantic/Faroe
Atlantic/Jan_Mayen Australia/ACT Australia/Canberra Australia/Currie Australia/LHI Australia/NSW Australia/North
Australia/Queensland Australia/South Australia/Tasmania Australia/Victoria Australia/West Australia/Yancowinna
Brazil/Acre Brazil/DeNoronha Brazil/East Brazil/West CET CST6CDT Canada/Atlantic Canada/Central Canada/Eastern
Canada/Mountain Canada/Newfoundland Canada/Pacific Canada/Saskatchewan Canada/Yukon Chile/Continental
Chile/EasterIsland Cuba EET EST EST5EDT Egypt Eire Etc/GMT Etc/GMT+0 Etc/GMT+1 Etc/GMT+10 Etc/GMT+11 Etc/GMT+12
Etc/GMT+2 Etc/GMT+3 Etc/GMT+4 Etc/GMT+5 Etc/GMT+6 Etc/GMT+7 Etc/GMT+8 Etc/GMT+9 Etc/GMT-0 Etc/GMT-1 Etc/GMT-10
Etc/GMT-11 Etc/GMT-12 Etc/GMT-13 Etc/GMT-14 Etc/GMT-2 Etc/GMT-3 Etc/GMT-4 Etc/GMT-5 Etc/GMT-6 Etc/GMT-7 Etc/GMT-8
Etc/GMT-9 Etc/GMT0 Etc/Greenwich Etc/UCT Etc/UTC Etc/Universal Etc/Zulu Europe/Belfast Europe/Kyiv Europe/Nicosia
Europe/Tiraspol Europe/Uzhgorod Europe/Zaporozhye GB GB-Eire GMT GMT+0 GMT-0 GMT0 Greenwich HST Hongkong Iceland
Iran Israel Jamaica Japan Kwajalein Libya MET MST MST7MDT Mexico/BajaNorte Mexico/BajaSur Mexico/General NZ
NZ-CHAT Navajo PRC PST8PDT Pacific/Chuuk Pacific/Johnston Pacific/Kanton Pacific/Pohnpei Pacific/Samoa Pacific/Yap
Poland Portugal ROC ROK Singapore Turkey UCT US/Alaska US/Aleutian US/Arizona US/Central US/East-Indiana
US/Eastern US/Hawaii US/Indiana-Starke US/Michigan US/Mountain US/Pacific US/Samoa UTC Universal W-SU WET Zulu
`
  .trim()
  .split(/\s+/);

let spellings: ReadonlyMap<string, string> | undefined;

/** All known zone names, by their lower-case form. */
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
 * Node's canonical name of a zone: "Europe/Kyiv" may give "Europe/Kiev", and "Etc/UTC" gives "UTC".
 *
 * @returns `undefined` for a name that is unknown, is not an IANA name ("+05:30"), or has the wrong case
 */
export function findZone(name: string): string | undefined {
  if (!/^[A-Za-z]/.test(name)) return undefined;
  // Most servers use UTC; answering here avoids loading zone data.
  if (/^(?:Etc\/)?UTC$/.test(name)) return "UTC";
  const canonical = canonicalZone(name);
  if (canonical === undefined) return undefined;
  const spelling = knownSpellings().get(name.toLowerCase());
  // Accepts a name that is newer than this list.
  return spelling === undefined || spelling === name ? canonical : undefined;
}

const UTC_NAMES = /^(?:UTC|UCT|GMT|GMT0|GMT[+-]0|Greenwich|Universal|Zulu)$/;

/**
 * Whether a zone name means the same to every program: UTC, or Area/Location.
 *
 * Node also accepts abbreviations, and gives some an unexpected meaning: BST is Bangladesh, IST is India. Other programs
 * do not know them, and Debian 13 no longer installs the short names of the tz database by default.
 */
export const isPortableZone = (name: string): boolean =>
  UTC_NAMES.test(name) || (name.includes("/") && !/^SystemV\//i.test(name));

/** Common meanings of abbreviations and of short names that Node itself cannot resolve. */
const ABBREVIATIONS: Readonly<Record<string, string>> = {
  ACT: "Australia/Darwin",
  AEST: "Australia/Sydney",
  AET: "Australia/Sydney",
  AST: "America/Halifax, Asia/Riyadh",
  BST: "Europe/London, Asia/Dhaka",
  CEST: "Europe/Paris, Europe/Berlin",
  CET: "Europe/Paris, Europe/Berlin",
  CST: "America/Chicago, Asia/Shanghai",
  CST6CDT: "America/Chicago",
  CDT: "America/Chicago",
  EDT: "America/New_York",
  EET: "Europe/Helsinki, Europe/Athens",
  EST: "America/New_York, America/Panama",
  EST5EDT: "America/New_York",
  HST: "Pacific/Honolulu",
  IST: "Asia/Kolkata, Europe/Dublin, Asia/Jerusalem",
  JST: "Asia/Tokyo",
  MET: "Europe/Paris, Europe/Berlin",
  MDT: "America/Denver",
  MSK: "Europe/Moscow",
  MST: "America/Denver, America/Phoenix",
  MST7MDT: "America/Denver",
  NST: "America/St_Johns",
  PDT: "America/Los_Angeles",
  PST: "America/Los_Angeles",
  PST8PDT: "America/Los_Angeles",
  SST: "Pacific/Pago_Pago, Asia/Singapore",
  WET: "Europe/Lisbon",
};

/** The likely zones for an abbreviation or a short name such as Japan; `undefined` if there is no suggestion. */
export function zonesForShortName(name: string): string | undefined {
  const known = ABBREVIATIONS[name.toUpperCase()];
  if (known !== undefined) return known;
  const canonical = findZone(name);
  return canonical !== undefined && isPortableZone(canonical) ? canonical : undefined;
}

/** The correct spelling of a name if only its case is wrong: "europe/london" gives "Europe/London". */
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

/** The known names most similar to a mistyped one, the most similar first. Compares whole names and cities. */
export function nearestZones(name: string, count: number): readonly string[] {
  const wanted = name.trim().toLowerCase().replaceAll(" ", "_");
  const wantedCity = cityOf(wanted);
  const scored = [...knownSpellings()].map(([lower, spelling]) => {
    const whole = editDistance(wanted, lower);
    // A matching city counts nearly as much, because people forget the region.
    const city = editDistance(wantedCity, cityOf(lower)) + 0.5;
    return { spelling, score: Math.min(whole, city) + whole / 1000 };
  });
  const near = scored.filter(({ score }) => score < Math.max(2, wantedCity.length / 2));
  near.sort((a, b) => a.score - b.score || (a.spelling < b.spelling ? -1 : 1));
  return near.slice(0, count).map(({ spelling }) => spelling);
}

const cityOf = (name: string): string => name.slice(name.lastIndexOf("/") + 1);
