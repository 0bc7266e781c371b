import { writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { addressReader } from "../../src/run/alerts.ts";
import { testHost } from "../support/host.ts";

/** Reads an address in a schedule whose env_file does not exist. */
async function readAddress(written: string): Promise<string> {
  const { home } = testHost();
  const host = testHost({ cwd: home, env: { HOME: home, IN_ENVIRONMENT: "https://environment.example" } });
  writeFileSync(`${home}/url`, "https://file.example\n");
  const path = `${home}/schedule.yml`;
  return addressReader({ configDir: dirname(path), source: { path }, envFile: "none.env" }, host)(written);
}

test.each([
  ["a file", `\${file:url}`, "https://file.example"],
  ["a variable that is in the environment", `\${env:IN_ENVIRONMENT}`, "https://environment.example"],
])("a missing env_file does not matter to an address in %s", async (_, written, address) => {
  expect(await readAddress(written)).toBe(address);
});

test("an address needs the env_file if a variable is not in the environment", async () => {
  await expect(readAddress(`\${env:IN_ENVIRONMENT}/\${env:PATH_OF_HOOK}`)).rejects.toThrow(
    /^cannot read env_file .*none\.env/,
  );
});
