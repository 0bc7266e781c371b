import { DEFAULT_COMMAND, entryLabel, type PipelineId } from "../pipeline-id.ts";
import type { Diagnostic, Path } from "./diagnostic.ts";
import type { YamlValue } from "./yaml-tree.ts";

/** One entry of the file: its own pipeline if it replicates it, and the pipelines after which it runs. */
interface Entry {
  readonly node: YamlValue;
  readonly path: Path;
  readonly pipeline: PipelineId | undefined;
  readonly isReplication: boolean;
  readonly after: readonly Predecessor[];
}

interface Predecessor {
  readonly pipeline: PipelineId;
  readonly node: YamlValue;
  readonly path: Path;
}

const keyOf = ({ tap, target }: PipelineId): string => `${target}/${tap}`;

const labelOf = (pipeline: PipelineId): string => entryLabel({ ...pipeline, command: DEFAULT_COMMAND });

/** The pipeline that a mapping names; `undefined` if one of its ids is not a string, which the schema reports. */
function pipelineIn(node: YamlValue): PipelineId | undefined {
  const [tap, target] = [node.children.get("tap")?.value, node.children.get("target")?.value];
  return typeof tap === "string" && typeof target === "string" ? { tap, target } : undefined;
}

function predecessorsOf(node: YamlValue | undefined, path: Path): readonly Predecessor[] {
  if (node === undefined) return [];
  const items = Array.isArray(node.value)
    ? [...node.children].map(([index, item]) => ({ node: item, path: [...path, index] }))
    : [{ node, path }];
  return items.flatMap((item) => {
    const pipeline = pipelineIn(item.node);
    return pipeline === undefined ? [] : [{ pipeline, ...item }];
  });
}

function entriesOf(root: YamlValue): readonly Entry[] {
  const pipelines = root.children.get("pipelines");
  if (pipelines === undefined || !Array.isArray(pipelines.value)) return [];
  return [...pipelines.children].map(([index, node]) => {
    const path = ["pipelines", index];
    return {
      node,
      path,
      pipeline: pipelineIn(node),
      isReplication: (node.children.get("command")?.value ?? DEFAULT_COMMAND) === DEFAULT_COMMAND,
      after: predecessorsOf(node.children.get("after"), [...path, "after"]),
    };
  });
}

/** Checks `after`: entries without any start, pipelines that the file does not run, and cycles. */
export function checkAfter(root: YamlValue): readonly Diagnostic[] {
  const entries = entriesOf(root);
  const running = new Set(
    entries.flatMap(({ pipeline, isReplication }) => (isReplication && pipeline !== undefined ? keyOf(pipeline) : [])),
  );
  const unknown = entries
    .flatMap(({ after }) => after)
    .filter(({ pipeline }) => !running.has(keyOf(pipeline)))
    .map(({ pipeline, node, path }) => ({
      offset: node.offset,
      path,
      message: `no entry of this file runs ${labelOf(pipeline)}`,
      hint: "Correct the ids, or add an entry with `command: run_tap` for that pipeline.",
    }));
  return [...entries.flatMap(checkStart), ...unknown, ...findCircles(entries)];
}

function checkStart({ node, path }: Entry): readonly Diagnostic[] {
  if (typeof node.value !== "object" || node.value === null || Array.isArray(node.value)) return [];
  if (node.children.has("cron") || node.children.has("after")) return [];
  const hint =
    'Add the times at which it runs, `cron: "0 * * * *"`, or the pipeline after which it runs, `after: {tap: ID, target: ID}`.';
  return [{ offset: node.offset, path, message: "the key `cron` is missing", hint }];
}

/** A step of a cycle: a pipeline, and the `after` that makes it follow the next one. */
interface Step {
  readonly pipeline: PipelineId;
  readonly at: Predecessor;
}

/** Pipelines that run after themselves, directly or by other pipelines. Each cycle is reported once. */
function findCircles(entries: readonly Entry[]): readonly Diagnostic[] {
  const steps = entries.flatMap(({ pipeline, isReplication, after }) =>
    isReplication && pipeline !== undefined ? after.map((at) => ({ pipeline, at })) : [],
  );
  const done = new Set<string>();
  const found: Diagnostic[] = [];
  const visit = (pipeline: PipelineId, way: readonly Step[]): void => {
    const start = way.findIndex((step) => keyOf(step.pipeline) === keyOf(pipeline));
    const first = way[start];
    if (first !== undefined) found.push(renderCircle(first, way.slice(start + 1)));
    if (first !== undefined || done.has(keyOf(pipeline))) return;
    for (const step of steps) {
      if (keyOf(step.pipeline) === keyOf(pipeline)) visit(step.at.pipeline, [...way, step]);
    }
    done.add(keyOf(pipeline));
  };
  for (const { pipeline } of steps) visit(pipeline, []);
  return found;
}

function renderCircle({ pipeline, at }: Step, others: readonly Step[]): Diagnostic {
  const circle = [...others.map((step) => step.pipeline), pipeline].map(labelOf).join(", which runs after ");
  return {
    offset: at.node.offset,
    path: at.path,
    message: `${labelOf(pipeline)} would run after itself: it runs after ${circle}`,
    hint: "Remove one `after` of this cycle.",
  };
}
