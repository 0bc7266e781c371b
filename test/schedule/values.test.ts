import { afterEach, expect, test, vi } from "vitest";
import { knownZone } from "../../src/schedule/values.ts";

afterEach(() => vi.unstubAllGlobals());

test("a Node without Intl is what is wrong with a zone, not its name", () => {
  vi.stubGlobal("Intl", undefined);
  expect(knownZone("Etc/UTC")).toBe("UTC");
  expect(() => knownZone("Europe/London")).toThrow("this Node was built without Intl and supports only UTC");
});
