import type { Host } from "../../host.ts";

/**
 * Whether the output of this process goes to Cronicle's Shell Script plugin, and the plugin takes each line that is a
 * JSON object for a message about the job. Cronicle sets `CRONICLE`, and exports the parameter `json` as `JSON`.
 */
export const cronicleReadsJson = ({ env }: Pick<Host, "env">): boolean =>
  env["CRONICLE"] !== undefined && (env["JSON"] ?? "0") !== "0";

/** A message that Cronicle shows beside the job's id in its lists of completed jobs, as HTML. */
export const renderLabel = (label: string): string => `${JSON.stringify({ label })}\n`;
