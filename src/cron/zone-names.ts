import { editDistance } from "../text/suggest.ts";

/** A Node that was built without Intl knows no zone but UTC. Small-icu does: zone data do not go by language. */
export const hasIntl = (): boolean => typeof Intl === "object";

/**
 * Names of zones that `Intl` takes but does not list: links and names of former years, from the tz database 2025b.
 * Each as it is spelt there; `Intl` itself does not mind the case.
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

/** `Intl` does not list the links, nor UTC. */
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
  // Most servers use UTC; answering here avoids loading zone data.
  if (/^(?:Etc\/)?UTC$/.test(name)) return "UTC";
  const canonical = canonicalZone(name);
  if (canonical === undefined) return undefined;
  const spelling = knownSpellings().get(name.toLowerCase());
  // Accepts a name that is newer than this list.
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
