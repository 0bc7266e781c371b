/** Whose unit a file is: its first line says so. */
export interface UnitMark {
  /** Name of the schedule. */
  readonly schedule: string;
  /** Absolute path of the schedule file. */
  readonly source: string;
  readonly configDir: string;
}

const MARK = /^# pipelinewise-sched (\S+) source=("(?:[^"\\]|\\.)*") config-dir=("(?:[^"\\]|\\.)*")$/;

/** A JSON string in plain ASCII: one line, whatever stands in it. */
const quoted = (word: string): string =>
  JSON.stringify(word).replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);

export const renderMark = ({ schedule, source, configDir }: UnitMark): string =>
  `# pipelinewise-sched ${schedule} source=${quoted(source)} config-dir=${quoted(configDir)}`;

/** Whose unit a text is; `undefined` for one that is not ours. */
export function findMark(text: string): UnitMark | undefined {
  const [, schedule, source, configDir] = MARK.exec(text.slice(0, text.indexOf("\n"))) ?? [];
  if (schedule === undefined || source === undefined || configDir === undefined) return undefined;
  try {
    const words: readonly unknown[] = [JSON.parse(source), JSON.parse(configDir)];
    const [sourceWord, dirWord] = words;
    if (typeof sourceWord !== "string" || typeof dirWord !== "string") return undefined;
    return { schedule, source: sourceWord, configDir: dirWord };
  } catch {
    return undefined;
  }
}
