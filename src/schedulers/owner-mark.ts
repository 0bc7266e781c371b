/** Ownership mark. This program only changes or removes objects that carry it. */
export interface Mark {
  /** Name of the schedule. */
  readonly schedule: string;
  /** Absolute path of the schedule file. */
  readonly source: string;
  /** Absolute. */
  readonly configDir: string;
}

/** The ownership mark of a file: a comment in plain ASCII, whatever the paths contain. */
export function renderFileMark({ schedule, source, configDir }: Mark): string {
  const json = JSON.stringify({ schedule, source, "config-dir": configDir });
  return `# pipelinewise-sched ${json.replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)}`;
}

/** Reads a file's ownership mark; `undefined` if it has none. */
export function readFileMark(text: string): Mark | undefined {
  const [, json] = /^# pipelinewise-sched (\{.*\})\r?$/m.exec(text) ?? [];
  if (json === undefined) return undefined;
  const { schedule, source, "config-dir": configDir }: Partial<Record<string, unknown>> = parseObject(json);
  const isMark = typeof schedule === "string" && typeof source === "string" && typeof configDir === "string";
  return isMark ? { schedule, source, configDir } : undefined;
}

function parseObject(json: string): object {
  try {
    return { ...JSON.parse(json) };
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
