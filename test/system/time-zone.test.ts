import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { readMachineZone } from "../../src/system/time-zone.ts";
import { tempDirectory } from "../support/host.ts";

const LONDON = "TZif2 London\nGMT0BST,M3.5.0/1,M10.5.0\n";
const ZONES = {
  "usr/share/zoneinfo/Europe/London": LONDON,
  "usr/share/zoneinfo/Europe/Belfast": LONDON,
  "usr/share/zoneinfo/GB": LONDON,
  "usr/share/zoneinfo/Etc/UTC": "TZif2 UTC\nUTC0\n",
  "usr/share/zoneinfo/posixrules": LONDON,
  "usr/share/zoneinfo/zone1970.tab": "#codes\tcoordinates\tTZ\nGB,GG\t+513030-0000731\tEurope/London\n",
};

/** @param links by their path, where they lead */
function machine(files: Readonly<Record<string, string>>, links: Readonly<Record<string, string>> = {}): string {
  const root = tempDirectory();
  const entries = { ...ZONES, ...files };
  for (const path of [...Object.keys(entries), ...Object.keys(links)]) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
  }
  for (const [path, text] of Object.entries(entries)) writeFileSync(join(root, path), text);
  for (const [path, target] of Object.entries(links)) symlinkSync(target, join(root, path));
  return root;
}

test.each([
  ["an absolute link", "/usr/share/zoneinfo/Europe/London"],
  ["a relative link", "../usr/share/zoneinfo/Europe/London"],
])("the zone is the name that %s leads to", (_, target) => {
  const root = machine({ "etc/timezone": "America/New_York\n" }, { "etc/localtime": target });
  expect(readMachineZone(root)).toEqual({ zone: "Europe/London", source: "/etc/localtime" });
});

test("a link that leads to another link is followed", () => {
  const root = machine({}, { "etc/localtime": "zone", "etc/zone": "/usr/share/zoneinfo/GB" });
  expect(readMachineZone(root).zone).toBe("GB");
});

test.each([
  ["without /etc/timezone it is the principal name", {}, "Europe/London"],
  ["/etc/timezone tells which of several equal zones", { "etc/timezone": "Europe/Belfast\n" }, "Europe/Belfast"],
  ["an /etc/timezone of another zone does not count", { "etc/timezone": "Etc/UTC\n" }, "Europe/London"],
])("a copy of a zone's file is found: %s", (_, files, zone) => {
  const root = machine({ ...files, "etc/localtime": LONDON });
  expect(readMachineZone(root)).toEqual({ zone, source: "/etc/localtime, a copy of its file" });
});

test("a copy from other zone data is known by its rules", () => {
  const root = machine({ "etc/localtime": LONDON.replace("TZif2", "TZif3") });
  expect(readMachineZone(root)).toEqual({ zone: "Europe/London", source: "/etc/localtime, which has its rules" });
});

test.each([
  ["no /etc/localtime", {}],
  ["a link that leads nowhere", { "etc/localtime": "/usr/share/zoneinfo/Asia/Tokyo" }],
  ["a link that leads to itself", { "etc/localtime": "localtime" }],
])("%s means UTC, as for the C library", (_, links) => {
  expect(readMachineZone(machine({}, links)).zone).toBe("UTC");
});

test("a file of no known zone is an error, not a guess", () => {
  const root = machine({ "etc/localtime": "TZif2 Mars\nMST5\n" });
  expect(() => readMachineZone(root)).toThrow("/etc/localtime does not match any known time zone");
});
