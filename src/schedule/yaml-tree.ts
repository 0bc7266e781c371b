import { type Document, isAlias, isMap, isScalar, isSeq, type Node, Scalar, type YAMLMap, type YAMLSeq } from "yaml";
import { type Finding, type Path, quoted } from "./problem.ts";
import { unquotedFinding } from "./yaml-syntax.ts";

/** A value of the file as written, with aliases and merge keys resolved, and its place. */
export interface Written {
  /** Text, number, true, false, null, a list, or a mapping without a prototype; `undefined` for a broken alias. */
  readonly value: unknown;
  /** Offset where the value begins. */
  readonly at: number;
  /** Offset of its key, for a value in a mapping. */
  readonly keyAt?: number;
  /** Offset of the value's first character, if the file contains the value literally. */
  readonly textAt?: number;
  /** A scalar as typed: `0x10` for 16. */
  readonly source?: string;
  /** By key, or by position in a list. */
  readonly children: ReadonlyMap<string | number, Written>;
  /** Number of values in it, itself included, with aliases expanded. */
  readonly size: number;
}

/** Far above any schedule, far below the expansion of nested aliases ("billion laughs"). */
const MAX_VALUES = 200_000;
const TOO_MANY = `more than ${MAX_VALUES} values, with aliases expanded`;

interface Reading {
  readonly text: string;
  readonly findings: Finding[];
  /** `undefined` while the anchored value is still being read. */
  readonly anchors: Map<string, Written | undefined>;
  spent: number;
}

const NO_CHILDREN: ReadonlyMap<string | number, Written> = new Map();

/**
 * Reads the file's content with its places. Duplicate keys, broken aliases and merges are findings; `root` is
 * `undefined` if the aliases expand to more values than any schedule has.
 */
export function readWritten(
  document: Document,
  text: string,
): { readonly root: Written | undefined; readonly findings: readonly Finding[] } {
  const reading: Reading = { text, findings: [], anchors: new Map(), spent: 0 };
  const root = readNode(document.contents, [], 0, reading);
  const { findings } = reading;
  if (reading.spent <= MAX_VALUES) return { root, findings };
  // Nothing was read after that point, so later findings are not reliable.
  return {
    root: undefined,
    findings: findings.slice(0, findings.findIndex(({ message }) => message === TOO_MANY) + 1),
  };
}

const nothing = (at: number): Written => ({ value: null, at, source: "", children: NO_CHILDREN, size: 1 });

function readNode(node: unknown, path: Path, emptyAt: number, reading: Reading): Written {
  if (reading.spent > MAX_VALUES) return nothing(emptyAt);
  if (isAlias(node)) return readAlias(node.source, startOf(node, emptyAt), path, reading);
  const anchor = isMap(node) || isSeq(node) || isScalar(node) ? node.anchor : undefined;
  if (anchor !== undefined) reading.anchors.set(anchor, undefined);
  const written = readContent(node, path, emptyAt, reading);
  if (anchor !== undefined) reading.anchors.set(anchor, written);
  return written;
}

function readContent(node: unknown, path: Path, emptyAt: number, reading: Reading): Written {
  spend(1, startOf(node, emptyAt), path, reading);
  if (isMap(node)) return readMap(node, path, startOf(node, emptyAt), reading);
  if (isSeq(node)) return readSeq(node, path, startOf(node, emptyAt), reading);
  return isScalar(node) ? readScalar(node, emptyAt, reading.text) : nothing(emptyAt);
}

function readScalar(node: Scalar, emptyAt: number, text: string): Written {
  const { value, source = "" } = node;
  if (value === null && source === "") return nothing(emptyAt);
  const at = startOf(node, emptyAt);
  const textAt = node.type === Scalar.PLAIN ? at : at + 1;
  const literal = typeof value === "string" && text.startsWith(value, textAt);
  return { value, at, source, children: NO_CHILDREN, size: 1, ...(literal ? { textAt } : {}) };
}

function readSeq(node: YAMLSeq, path: Path, at: number, reading: Reading): Written {
  const children = new Map<number, Written>();
  for (const [index, item] of node.items.entries()) {
    children.set(index, readNode(item, [...path, index], at, reading));
  }
  return { value: [...children.values()].map(({ value }) => value), at, children, size: sizeOf(children) };
}

function readMap(node: YAMLMap, path: Path, at: number, reading: Reading): Written {
  const children = new Map<string, Written>();
  const merged: Written[] = [];
  for (const { key, value } of node.items) {
    const keyAt = startOf(key, at);
    if (!isScalar(key)) {
      reading.findings.push({ at: keyAt, path, message: "a key must be a string", hint: "Write `key: value`." });
      continue;
    }
    // Uses the text as typed: `null: x` and `1: x` have keys too.
    const name = typeof key.value === "string" ? key.value : (key.source ?? "");
    const here = [...path, name];
    if (name === "<<" && key.type === Scalar.PLAIN) {
      merged.push(...mergeSources(readNode(value, here, keyAt, reading), here, reading));
      continue;
    }
    const first = children.get(name);
    const written = readNode(value, here, keyAt, reading);
    if (first === undefined) children.set(name, { ...written, keyAt });
    else reading.findings.push({ at: keyAt, path: here, message: `duplicate key ${quoted(name)}`, hint: TWICE });
  }
  for (const source of merged) {
    spend(source.children.size, at, path, reading);
    if (reading.spent > MAX_VALUES) break;
    for (const [name, written] of source.children) {
      if (!children.has(String(name))) children.set(String(name), written);
    }
  }
  return { value: plainObject(children), at, children, size: sizeOf(children) };
}

const TWICE = "Remove one of the two. For several times, write a list: cron: [...].";

/** The mappings that `<<` merges: one mapping, or a list in which earlier ones win. */
function mergeSources(written: Written, path: Path, reading: Reading): readonly Written[] {
  const sources = Array.isArray(written.value) ? [...written.children.values()] : [written];
  return sources.filter((source) => {
    const isMapping = typeof source.value === "object" && source.value !== null && !Array.isArray(source.value);
    if (!isMapping && source.value !== undefined) {
      const hint = "Name an anchor: `<<: *common`, where `&common` is before a mapping.";
      reading.findings.push({ at: source.at, path, message: "<< can only merge mappings", hint });
    }
    return isMapping;
  });
}

function readAlias(name: string, at: number, path: Path, reading: Reading): Written {
  const target = reading.anchors.get(name);
  if (target === undefined) {
    reading.findings.push(aliasFinding(name, at, path, reading));
    return { ...nothing(at), value: undefined };
  }
  spend(target.size, at, path, reading);
  // Report a problem of a list or mapping where it is used, and one of a string where its characters are.
  return target.children.size > 0 ? { ...target, at } : target;
}

function aliasFinding(name: string, at: number, path: Path, { anchors, text }: Reading): Finding {
  const hint = "Define the anchor before the alias. If the value is a string that begins with *, quote it.";
  if (anchors.has(name)) return { at, path, message: `the alias *${name} is inside its own anchor`, hint };
  const slip = /^[\w.-]+$/.test(name) ? undefined : unquotedFinding(text, at);
  return { at, path, message: `no anchor &${name} is defined above`, hint, ...slip };
}

/** Counts values, so that a small file cannot expand into a huge one. Reports the limit once. */
function spend(count: number, at: number, path: Path, reading: Reading): void {
  const before = reading.spent;
  reading.spent += count;
  if (before > MAX_VALUES || reading.spent <= MAX_VALUES) return;
  reading.findings.push({
    at,
    path,
    message: TOO_MANY,
    hint: "Write the values without nested aliases, or split the schedule.",
  });
}

const sizeOf = (children: ReadonlyMap<unknown, Written>): number =>
  [...children.values()].reduce((sum, { size }) => sum + size, 1);

function plainObject(children: ReadonlyMap<string, Written>): Record<string, unknown> {
  const object: Record<string, unknown> = Object.create(null);
  for (const [name, { value }] of children) object[name] = value;
  return object;
}

function startOf(node: unknown, otherwise: number): number {
  const range = (node as Node | null | undefined)?.range; // anything that is no node has no range
  return range?.[0] ?? otherwise;
}
