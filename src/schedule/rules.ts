import {
  DEFAULT_COMMAND,
  ENTRY_COMMANDS,
  type EntryCommand,
  entryLabel,
  FAST_SYNC_NAMES,
  isFastSync,
} from "../pipeline-id.ts";
import { type Finding, type Path, quoted } from "./problem.ts";
import type { Place } from "./schedule.ts";
import type { Written } from "./yaml-tree.ts";

/** Checks rules that span several keys. Reads the YAML nodes, so that it works even if single keys are invalid. */
export function ruleFindings(root: Written, placeAt: (offset: number) => Place): readonly Finding[] {
  const pipelines = [...(root.children.get("pipelines")?.children ?? [])].map(
    ([index, written]): Entry => ({ written, path: ["pipelines", index] }),
  );
  return [
    ...pipelines.flatMap(argumentFindings),
    ...doubleFindings(pipelines, placeAt),
    ...secretFindings(root.children.get("pipelinewise")?.children.get("env")),
  ];
}

interface Entry {
  readonly written: Written;
  readonly path: Path;
}

const textOf = (written: Written, key: string): string | undefined => {
  const value = written.children.get(key)?.value;
  return typeof value === "string" ? value : undefined;
};

/** The entry's command; `undefined` if the value is not a command. */
function commandOf(written: Written): EntryCommand | undefined {
  if (!written.children.has("command")) return DEFAULT_COMMAND;
  const text = textOf(written, "command");
  return ENTRY_COMMANDS.find((command) => command === text);
}

interface Argument {
  readonly key: string;
  readonly commands: readonly EntryCommand[];
  readonly required: boolean;
}

/** Keys that are only allowed with some commands. */
const ARGUMENTS: readonly Argument[] = [
  { key: "tables", commands: FAST_SYNC_NAMES, required: false },
  { key: "replication_method_only", commands: FAST_SYNC_NAMES, required: false },
  { key: "force", commands: [...FAST_SYNC_NAMES, "run_data_diff_checks"], required: false },
  { key: "table", commands: ["partial_sync_table"], required: true },
  { key: "column", commands: ["partial_sync_table"], required: true },
  { key: "start_value", commands: ["partial_sync_table"], required: true },
  { key: "end_value", commands: ["partial_sync_table"], required: false },
  { key: "check", commands: ["run_data_diff_checks"], required: false },
];

function argumentFindings({ written, path }: Entry): readonly Finding[] {
  const command = commandOf(written);
  if (command === undefined) return [];
  return ARGUMENTS.flatMap((argument): readonly Finding[] => {
    const { key, commands, required } = argument;
    const given = written.children.get(key);
    if (given === undefined) {
      if (!required || !commands.includes(command)) return [];
      return [{ at: written.at, path, message: `${command} needs the key \`${key}\``, hint: `Add \`${key}: …\`.` }];
    }
    if (commands.includes(command)) return [];
    const message = `the key \`${key}\` is only allowed with \`command: ${commands.join("` or `")}\`, not with ${command}`;
    const hint = `Remove it, or write \`command: ${commands[0]}\`.`;
    return [{ at: given.keyAt ?? given.at, path: [...path, key], message, hint }];
  });
}

/** Earlier entries of one tap, target and command. */
interface Seen {
  readonly first: Written;
  readonly byId: Map<string, Written>;
  withoutId?: Written;
}

/** Entries that cannot be distinguished: the same tap, target and command without ids, or with the same id. */
function doubleFindings(pipelines: readonly Entry[], placeAt: (offset: number) => Place): readonly Finding[] {
  const triples = new Map<string, Seen>();
  return pipelines.flatMap(({ written, path }): readonly Finding[] => {
    const command = commandOf(written);
    const [tap, target, id] = [textOf(written, "tap"), textOf(written, "target"), textOf(written, "id")];
    if (command === undefined || tap === undefined || target === undefined) return [];
    // Both names of one command count as the same: PipelineWise would run it twice.
    const key = JSON.stringify([tap, target, isFastSync(command) ? FAST_SYNC_NAMES[0] : command]);
    const seen: Seen = triples.get(key) ?? { first: written, byId: new Map() };
    const known = triples.has(key);
    triples.set(key, seen);
    const sameId = id === undefined ? undefined : seen.byId.get(id);
    const other = id === undefined ? seen.first : (sameId ?? seen.withoutId);
    if (id === undefined) seen.withoutId ??= written;
    else if (sameId === undefined) seen.byId.set(id, written);
    if (!known || other === undefined) return [];
    const { line, column } = placeAt(other.at);
    const stands = `${entryLabel({ tap, target, command })} is already defined at line ${line}, column ${column}`;
    if (sameId !== undefined && id !== undefined) {
      const at = written.children.get("id")?.at ?? written.at;
      const hint = "Give each entry a different `id`.";
      return [{ at, path: [...path, "id"], message: `${stands}, with the same id ${quoted(id)}`, hint }];
    }
    const hint = "Combine the times in one entry (cron: [...]), or give each entry an `id`.";
    return [{ at: written.at, path, message: stands, hint }];
  });
}

const SECRET = /(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY)$/i;

/** Secrets in plain text: `install` copies the values into the stored schedule. */
function secretFindings(env: Written | undefined): readonly Finding[] {
  return [...(env?.children ?? [])].flatMap(([name, { value, at }]): readonly Finding[] => {
    if (typeof value !== "string" || value === "" || value.includes("${") || !SECRET.test(String(name))) return [];
    return [
      {
        at,
        path: ["pipelinewise", "env", name],
        message: `${quoted(String(name))} looks like a secret in plain text`,
        hint: `Write \${file:PATH} or \${env:NAME}, or use env_file: \`install\` stores the values of this mapping.`,
        severity: "warning",
      },
    ];
  });
}
