import type { Segment, ZoneClock } from "../../cron/segment.ts";
import { FURTHEST } from "../../cron/segment.ts";

/**
 * The zones that Cronicle reads as the world does today, by the rule of their clocks.
 *
 * Cronicle brings zone data of its own, moment-timezone's copy of tz database 2021e, and asks nobody else. A zone that
 * has changed since then, or came later, is not here. A rule stands beside its zones so that a change still to come is
 * noticed, as soon as Node's own data know it.
 *
 * A rule is the offset from UTC; where the clocks change, that in summer besides, and when summer time begins and ends:
 * month, week (5: the last) and weekday, `@`, minute of the day by the clock before the change (all as in a POSIX TZ).
 * The first zone of a row stands in for others that keep the same time.
 */
const ROWS = `
-720: Etc/GMT+12
-660: Pacific/Midway Pacific/Niue Pacific/Pago_Pago Etc/GMT+11
-600: Pacific/Honolulu Pacific/Rarotonga Pacific/Tahiti Etc/GMT+10
-600 -540 3.2.0@120 11.1.0@120: America/Adak
-570: Pacific/Marquesas
-540: Pacific/Gambier Etc/GMT+9
-540 -480 3.2.0@120 11.1.0@120: America/Anchorage America/Juneau America/Metlakatla America/Nome America/Sitka
  America/Yakutat
-480: Pacific/Pitcairn Etc/GMT+8
-480 -420 3.2.0@120 11.1.0@120: America/Los_Angeles America/Tijuana America/Vancouver
-420: America/Phoenix America/Creston America/Dawson America/Dawson_Creek America/Fort_Nelson America/Hermosillo
  America/Whitehorse Etc/GMT+7
-420 -360 3.2.0@120 11.1.0@120: America/Denver America/Boise America/Cambridge_Bay America/Edmonton America/Inuvik
-360: America/Costa_Rica America/Belize America/El_Salvador America/Guatemala America/Managua America/Regina
  America/Swift_Current America/Tegucigalpa Pacific/Galapagos Etc/GMT+6
-360 -300 3.2.0@120 11.1.0@120: America/Chicago America/Indiana/Knox America/Indiana/Tell_City America/Matamoros
  America/Menominee America/North_Dakota/Beulah America/North_Dakota/Center America/North_Dakota/New_Salem
  America/Rankin_Inlet America/Resolute America/Winnipeg
-360 -300 9.1.6@1320 4.1.6@1320: Pacific/Easter
-300: America/Panama America/Atikokan America/Bogota America/Cancun America/Cayman America/Coral_Harbour
  America/Eirunepe America/Guayaquil America/Jamaica America/Lima America/Rio_Branco Etc/GMT+5
-300 -240 3.2.0@0 11.1.0@60: America/Havana
-300 -240 3.2.0@120 11.1.0@120: America/New_York America/Detroit America/Grand_Turk America/Indiana/Indianapolis
  America/Indiana/Marengo America/Indiana/Petersburg America/Indiana/Vevay America/Indiana/Vincennes
  America/Indiana/Winamac America/Indianapolis America/Iqaluit America/Kentucky/Louisville
  America/Kentucky/Monticello America/Louisville America/Nassau America/Port-au-Prince America/Toronto
-240: America/Puerto_Rico America/Anguilla America/Antigua America/Aruba America/Barbados America/Blanc-Sablon
  America/Boa_Vista America/Campo_Grande America/Caracas America/Cuiaba America/Curacao America/Dominica
  America/Grenada America/Guadeloupe America/Guyana America/Kralendijk America/La_Paz America/Lower_Princes
  America/Manaus America/Marigot America/Martinique America/Montserrat America/Port_of_Spain America/Porto_Velho
  America/Santo_Domingo America/St_Barthelemy America/St_Kitts America/St_Lucia America/St_Thomas America/St_Vincent
  America/Tortola Etc/GMT+4
-240 -180 3.2.0@120 11.1.0@120: America/Halifax America/Glace_Bay America/Goose_Bay America/Moncton America/Thule
  Atlantic/Bermuda
-240 -180 9.1.6@1440 4.1.6@1440: America/Santiago
-210 -150 3.2.0@120 11.1.0@120: America/St_Johns
-180: America/Sao_Paulo America/Araguaina America/Argentina/Buenos_Aires America/Argentina/Catamarca
  America/Argentina/Cordoba America/Argentina/Jujuy America/Argentina/La_Rioja America/Argentina/Mendoza
  America/Argentina/Rio_Gallegos America/Argentina/Salta America/Argentina/San_Juan America/Argentina/San_Luis
  America/Argentina/Tucuman America/Argentina/Ushuaia America/Bahia America/Belem America/Buenos_Aires
  America/Catamarca America/Cayenne America/Cordoba America/Fortaleza America/Jujuy America/Maceio America/Mendoza
  America/Montevideo America/Paramaribo America/Punta_Arenas America/Recife America/Santarem Antarctica/Palmer
  Antarctica/Rothera Atlantic/Stanley Etc/GMT+3
-180 -120 3.2.0@120 11.1.0@120: America/Miquelon
-120: Atlantic/South_Georgia America/Noronha Etc/GMT+2
-60: Atlantic/Cape_Verde Etc/GMT+1
-60 0 3.5.0@0 10.5.0@60: Atlantic/Azores
0: UTC Africa/Abidjan Africa/Accra Africa/Bamako Africa/Banjul Africa/Bissau Africa/Conakry Africa/Dakar
  Africa/Freetown Africa/Lome Africa/Monrovia Africa/Nouakchott Africa/Ouagadougou Africa/Sao_Tome
  America/Danmarkshavn Atlantic/Reykjavik Atlantic/St_Helena GMT Etc/GMT Etc/GMT+0 Etc/GMT-0 Etc/UTC
0 120 3.5.0@60 10.5.0@180: Antarctica/Troll
0 60 3.5.0@60 10.5.0@120: Europe/London Europe/Lisbon Atlantic/Canary Atlantic/Faeroe Atlantic/Faroe
  Atlantic/Madeira Europe/Dublin Europe/Guernsey Europe/Isle_of_Man Europe/Jersey
60: Africa/Lagos Africa/Algiers Africa/Bangui Africa/Brazzaville Africa/Douala Africa/Kinshasa Africa/Libreville
  Africa/Luanda Africa/Malabo Africa/Ndjamena Africa/Niamey Africa/Porto-Novo Africa/Tunis Etc/GMT-1
60 120 3.5.0@120 10.5.0@180: Europe/Berlin Europe/Paris Africa/Ceuta Arctic/Longyearbyen Europe/Amsterdam
  Europe/Andorra Europe/Belgrade Europe/Bratislava Europe/Brussels Europe/Budapest Europe/Busingen Europe/Copenhagen
  Europe/Gibraltar Europe/Ljubljana Europe/Luxembourg Europe/Madrid Europe/Malta Europe/Monaco Europe/Oslo
  Europe/Podgorica Europe/Prague Europe/Rome Europe/San_Marino Europe/Sarajevo Europe/Skopje Europe/Stockholm
  Europe/Tirane Europe/Vaduz Europe/Vatican Europe/Vienna Europe/Warsaw Europe/Zagreb Europe/Zurich
120: Africa/Johannesburg Africa/Blantyre Africa/Bujumbura Africa/Gaborone Africa/Harare Africa/Juba Africa/Khartoum
  Africa/Kigali Africa/Lubumbashi Africa/Lusaka Africa/Maputo Africa/Maseru Africa/Mbabane Africa/Tripoli
  Africa/Windhoek Europe/Kaliningrad Etc/GMT-2
120 180 3.4.4@1560 10.5.0@120: Asia/Jerusalem
120 180 3.5.0@0 10.5.0@0: Asia/Beirut
120 180 3.5.0@120 10.5.0@180: Europe/Chisinau
120 180 3.5.0@180 10.5.0@240: Europe/Athens Asia/Nicosia Asia/Famagusta Europe/Bucharest Europe/Helsinki Europe/Kiev
  Europe/Mariehamn Europe/Riga Europe/Sofia Europe/Tallinn Europe/Vilnius
180: Europe/Moscow Africa/Addis_Ababa Africa/Asmara Africa/Asmera Africa/Dar_es_Salaam Africa/Djibouti
  Africa/Kampala Africa/Mogadishu Africa/Nairobi Antarctica/Syowa Asia/Aden Asia/Baghdad Asia/Bahrain Asia/Kuwait
  Asia/Qatar Asia/Riyadh Europe/Istanbul Europe/Kirov Europe/Minsk Europe/Simferopol Europe/Volgograd
  Indian/Antananarivo Indian/Comoro Indian/Mayotte Etc/GMT-3
240: Asia/Dubai Asia/Baku Asia/Muscat Asia/Tbilisi Asia/Yerevan Europe/Astrakhan Europe/Samara Europe/Saratov
  Europe/Ulyanovsk Indian/Mahe Indian/Mauritius Indian/Reunion Etc/GMT-4
270: Asia/Kabul
300: Asia/Tashkent Antarctica/Mawson Asia/Aqtau Asia/Aqtobe Asia/Ashgabat Asia/Atyrau Asia/Dushanbe Asia/Karachi
  Asia/Oral Asia/Qyzylorda Asia/Samarkand Asia/Yekaterinburg Indian/Kerguelen Indian/Maldives Etc/GMT-5
330: Asia/Kolkata Asia/Calcutta Asia/Colombo
345: Asia/Kathmandu Asia/Katmandu
360: Asia/Dhaka Asia/Bishkek Asia/Omsk Asia/Thimphu Asia/Urumqi Indian/Chagos Etc/GMT-6
390: Asia/Yangon Asia/Rangoon Indian/Cocos
420: Asia/Bangkok Antarctica/Davis Asia/Barnaul Asia/Ho_Chi_Minh Asia/Hovd Asia/Jakarta Asia/Krasnoyarsk
  Asia/Novokuznetsk Asia/Novosibirsk Asia/Phnom_Penh Asia/Pontianak Asia/Saigon Asia/Tomsk Asia/Vientiane
  Indian/Christmas Etc/GMT-7
480: Asia/Shanghai Asia/Brunei Asia/Hong_Kong Asia/Irkutsk Asia/Kuala_Lumpur Asia/Kuching Asia/Macau Asia/Makassar
  Asia/Manila Asia/Singapore Asia/Taipei Asia/Ulaanbaatar Australia/Perth Etc/GMT-8
525: Australia/Eucla
540: Asia/Tokyo Asia/Chita Asia/Dili Asia/Jayapura Asia/Khandyga Asia/Pyongyang Asia/Seoul Asia/Yakutsk
  Pacific/Palau Etc/GMT-9
570: Australia/Darwin
570 630 10.1.0@120 4.1.0@180: Australia/Adelaide Australia/Broken_Hill
600: Australia/Brisbane Antarctica/DumontDUrville Asia/Ust-Nera Asia/Vladivostok Australia/Lindeman Pacific/Chuuk
  Pacific/Guam Pacific/Port_Moresby Pacific/Saipan Pacific/Truk Etc/GMT-10
600 660 10.1.0@120 4.1.0@180: Australia/Sydney Antarctica/Macquarie Australia/Hobart Australia/Melbourne
630 660 10.1.0@120 4.1.0@120: Australia/Lord_Howe
660: Pacific/Noumea Asia/Magadan Asia/Sakhalin Asia/Srednekolymsk Pacific/Bougainville Pacific/Efate
  Pacific/Guadalcanal Pacific/Kosrae Pacific/Pohnpei Pacific/Ponape Etc/GMT-11
660 720 10.1.0@120 4.1.0@180: Pacific/Norfolk
720: Pacific/Tarawa Asia/Anadyr Asia/Kamchatka Pacific/Funafuti Pacific/Kwajalein Pacific/Majuro Pacific/Nauru
  Pacific/Wake Pacific/Wallis Etc/GMT-12
720 780 9.5.0@120 4.1.0@180: Pacific/Auckland Antarctica/McMurdo
765 825 9.5.0@165 4.1.0@225: Pacific/Chatham
780: Pacific/Tongatapu Pacific/Apia Pacific/Enderbury Pacific/Fakaofo Etc/GMT-13
840: Pacific/Kiritimati Etc/GMT-14
`;

/** A day of each year on which the clocks change, and the minute of it. */
interface YearlyChange {
  readonly month: number;
  /** 5: the last. */
  readonly week: number;
  readonly weekday: number;
  readonly minute: number;
}

/** The clocks of a group of zones. Minutes east of UTC. */
interface ZoneRule {
  readonly standard: number;
  readonly summer?: { readonly offset: number; readonly from: YearlyChange; readonly to: YearlyChange } | undefined;
}

/** Zones that keep the same time, and their clock as Cronicle has it. */
export interface ZoneGroup {
  readonly clock: ZoneClock;
  readonly names: readonly string[];
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** All zones that Cronicle has right. */
export const cronicleZones = (): readonly ZoneGroup[] =>
  ROWS.trim()
    .split(/\n(?! )/)
    .map((row) => {
      const [rule = "", names = ""] = row.split(":");
      return { clock: ruleClock(parseRule(rule)), names: names.trim().split(/\s+/) };
    });

function parseRule(text: string): ZoneRule {
  const [standard = "", summer, from, to] = text.split(" ");
  if (summer === undefined || from === undefined || to === undefined) return { standard: Number(standard) };
  return {
    standard: Number(standard),
    summer: { offset: Number(summer), from: parseChange(from), to: parseChange(to) },
  };
}

function parseChange(text: string): YearlyChange {
  const [month = 0, week = 0, weekday = 0, minute = 0] = text.split(/[.@]/).map(Number);
  return { month, week, weekday, minute };
}

function ruleClock({ standard, summer }: ZoneRule): ZoneClock {
  const offset = standard * MINUTE_MS;
  if (summer === undefined) return { segmentAt: () => ({ startAt: -FURTHEST, endAt: FURTHEST, offset }) };
  const summerOffset = summer.offset * MINUTE_MS;
  /** The two changes of a year, in their order. */
  const changesOf = (year: number): readonly Omit<Segment, "endAt">[] =>
    [
      { startAt: wallTime(year, summer.from) - offset, offset: summerOffset },
      { startAt: wallTime(year, summer.to) - summerOffset, offset },
    ].sort((a, b) => a.startAt - b.startAt);
  return {
    segmentAt: (at) => {
      const year = new Date(at).getUTCFullYear();
      const changes = [year - 1, year, year + 1].flatMap(changesOf);
      const next = changes.findIndex(({ startAt }) => startAt > at);
      const [now, then] = [changes[next - 1], changes[next]];
      if (now === undefined || then === undefined) throw new RangeError(`${at} is no instant`);
      return { ...now, endAt: then.startAt };
    },
  };
}

/** What the clocks show at a change, as if it were UTC. */
function wallTime(year: number, { month, week, weekday, minute }: YearlyChange): number {
  // Counted back from the month's end for the last one.
  const first = week === 5 ? Date.UTC(year, month, 1) - 7 * DAY_MS : Date.UTC(year, month - 1, 1 + (week - 1) * 7);
  const ahead = (weekday - new Date(first).getUTCDay() + 7) % 7;
  return first + ahead * DAY_MS + minute * MINUTE_MS;
}
