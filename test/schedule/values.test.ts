import { afterEach, expect, test, vi } from "vitest";
import { parseZone } from "../../src/schedule/values.ts";

afterEach(() => vi.unstubAllGlobals());

test("the error names the missing Intl, not the time zone, if Node was built without Intl", () => {
  vi.stubGlobal("Intl", undefined);
  expect(parseZone("Etc/UTC")).toBe("UTC");
  expect(() => parseZone("Europe/London")).toThrow("this Node was built without Intl and supports only UTC");
});
