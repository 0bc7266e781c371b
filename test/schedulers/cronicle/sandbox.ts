import { fakeMachine } from "../../support/fake-machine.ts";

export const KEY = "5ec4e75ec4e75ec4e75ec4e75ec4e700";
export const FROM_ENV = `$\{env:CRONICLE_KEY}`;

/** A machine with a schedule for a Cronicle. What it says names that as `http://cronicle`. */
export function sandboxFor(
  url: string,
  { key = FROM_ENV, env = { CRONICLE_KEY: KEY } }: { key?: string; env?: object } = {},
) {
  const server = fakeMachine({ hasPrograms: true, env: { ...env } });
  server.put(
    "schedule.yml",
    `timezone: UTC
cronicle: {url: "${url}", key: "${key}", category: Pipelines, target: allgrp}
pipelines:
  - {tap: orders, target: redshift, cron: "*/5 * * * *"}
  - {tap: stock, target: redshift, cron: "0 3 * * *"}
`,
  );
  const on = async (command: string, ...words: readonly string[]) => {
    const { code, out, err } = await server.run(command, "--on", "cronicle", ...words);
    return { code, out: out.replaceAll(url, "http://cronicle"), err: err.replaceAll(url, "http://cronicle") };
  };
  return { ...server, on };
}
