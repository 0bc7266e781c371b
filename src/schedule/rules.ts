import { findChoice } from "../command-line.ts";
import {
  DEFAULT_COMMAND,
  ENTRY_COMMANDS,
  type EntryCommand,
  entryLabel,
  FAST_SYNC_NAMES,
  isFastSync,
} from "../pipeline-id.ts";
import { checkContainerCommand } from "./container-rules.ts";
import { type Diagnostic, type Path, quoted } from "./diagnostic.ts";
import type { SourcePosition } from "./schedule.ts";
import type { YamlValue } from "./yaml-tree.ts";

/** Checks rules that span several keys. Reads the YAML nodes, so that it works even if single keys are invalid. */
export function checkRules(root: YamlValue, positionAt: (offset: number) => SourcePosition): readonly Diagnostic[] {
  const pipelines = [...(root.children.get("pipelines")?.children ?? [])].map(
    ([index, node]): Entry => ({ node, path: ["pipelines", index] }),
  );
  return [
    ...pipelines.flatMap(checkArguments),
    ...pipelines.flatMap(checkFreeArguments),
    ...pipelines.flatMap(checkTimed),
    ...checkDuplicates(pipelines, positionAt),
    ...checkContainerCommand(root.children.get("pipelinewise")?.children.get("command")),
    ...checkSecrets(root.children.get("pipelinewise")?.children.get("env")),
    ...checkProto(root.children.get("pipelinewise")?.children.get("env")),
  ];
}

interface Entry {
  readonly node: YamlValue;
  readonly path: Path;
}

const textOf = (node: YamlValue, key: string): string | undefined => {
  const value = node.children.get(key)?.value;
  return typeof value === "string" ? value : undefined;
};

/** The entry's command; `undefined` if the value is not a command. */
function commandOf(node: YamlValue): EntryCommand | undefined {
  if (!node.children.has("command")) return DEFAULT_COMMAND;
  const text = textOf(node, "command");
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

function checkArguments({ node, path }: Entry): readonly Diagnostic[] {
  const command = commandOf(node);
  if (command === undefined) return [];
  return ARGUMENTS.flatMap((argument): readonly Diagnostic[] => {
    const { key, commands, required } = argument;
    const given = node.children.get(key);
    if (given === undefined) {
      if (!required || !commands.includes(command)) return [];
      return [
        { offset: node.offset, path, message: `${command} needs the key \`${key}\``, hint: `Add \`${key}: …\`.` },
      ];
    }
    if (commands.includes(command)) return [];
    const message = `the key \`${key}\` is only allowed with \`command: ${commands.join("` or `")}\`, not with ${command}`;
    const hint = `Remove it, or write \`command: ${commands[0]}\`.`;
    return [{ offset: given.keyOffset ?? given.offset, path: [...path, key], message, hint }];
  });
}

/** Arguments in `args` with which PipelineWise would run another pipeline than the entry's. */
function checkFreeArguments({ node, path }: Entry): readonly Diagnostic[] {
  const args = [...(node.children.get("args")?.children.values() ?? [])];
  const index = findChoice(args.map(({ value }) => (typeof value === "string" ? value : "-")));
  const found = args[index];
  if (found === undefined) return [];
  return [
    {
      offset: found.offset,
      path: [...path, "args", index],
      message: `${quoted(String(found.value))} could choose another pipeline or command than the one that a run locks`,
      hint: "Choose them with the keys tap, target and command. Begin args with an option.",
    },
  ];
}

/** Keys that only make sense for an entry with times of its own. */
const TIMED = ["fresh_within", "catch_up"];

function checkTimed({ node, path }: Entry): readonly Diagnostic[] {
  if (node.children.has("cron") || !node.children.has("after")) return [];
  return TIMED.flatMap((key): readonly Diagnostic[] => {
    const given = node.children.get(key);
    if (given === undefined) return [];
    const message = `the key \`${key}\` is only allowed in an entry with \`cron\``;
    const hint = "Remove it, or set it in the pipelines after which this one runs.";
    return [{ offset: given.keyOffset ?? given.offset, path: [...path, key], message, hint }];
  });
}

/** Earlier entries of one tap, target and command. */
interface Seen {
  readonly first: YamlValue;
  readonly byId: Map<string, YamlValue>;
  withoutId?: YamlValue;
}

/** Entries that cannot be distinguished: the same tap, target and command without ids, or with the same id. */
function checkDuplicates(
  pipelines: readonly Entry[],
  positionAt: (offset: number) => SourcePosition,
): readonly Diagnostic[] {
  const triples = new Map<string, Seen>();
  return pipelines.flatMap(({ node, path }): readonly Diagnostic[] => {
    const command = commandOf(node);
    const [tap, target, id] = [textOf(node, "tap"), textOf(node, "target"), textOf(node, "id")];
    if (command === undefined || tap === undefined || target === undefined) return [];
    // Both names of one command count as the same: PipelineWise would run it twice.
    const key = JSON.stringify([tap, target, isFastSync(command) ? FAST_SYNC_NAMES[0] : command]);
    const seen: Seen = triples.get(key) ?? { first: node, byId: new Map() };
    const known = triples.has(key);
    triples.set(key, seen);
    const sameId = id === undefined ? undefined : seen.byId.get(id);
    const other = id === undefined ? seen.first : (sameId ?? seen.withoutId);
    if (id === undefined) seen.withoutId ??= node;
    else if (sameId === undefined) seen.byId.set(id, node);
    if (!known || other === undefined) return [];
    const { line, column } = positionAt(other.offset);
    const message = `${entryLabel({ tap, target, command })} is already defined at line ${line}, column ${column}`;
    if (sameId !== undefined && id !== undefined) {
      const offset = node.children.get("id")?.offset ?? node.offset;
      const hint = "Give each entry a different `id`.";
      return [{ offset, path: [...path, "id"], message: `${message}, with the same id ${quoted(id)}`, hint }];
    }
    const hint = "Combine the times in one entry (cron: [...]), or give each entry an `id`.";
    return [{ offset: node.offset, path, message, hint }];
  });
}

/** Zod leaves out a key of this name without a word. */
const PROTO = "__proto__";

function checkProto(env: YamlValue | undefined): readonly Diagnostic[] {
  const found = env?.children.get(PROTO);
  if (found === undefined) return [];
  return [
    {
      offset: found.keyOffset ?? found.offset,
      path: ["pipelinewise", "env", PROTO],
      message: `the variable ${PROTO} cannot be set here`,
      hint: "Set it in env_file.",
    },
  ];
}

const SECRET = /(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY)$/i;

/** Secrets in plain text: `install` copies the values into the stored schedule. */
function checkSecrets(env: YamlValue | undefined): readonly Diagnostic[] {
  return [...(env?.children ?? [])].flatMap(([name, { value, offset }]): readonly Diagnostic[] => {
    if (typeof value !== "string" || value === "" || value.includes("${") || !SECRET.test(String(name))) return [];
    return [
      {
        offset,
        path: ["pipelinewise", "env", name],
        message: `${quoted(String(name))} looks like a secret in plain text`,
        hint: `Write \${file:PATH} or \${env:NAME}, or use env_file: \`install\` stores the values of this mapping.`,
        severity: "warning",
      },
    ];
  });
}
