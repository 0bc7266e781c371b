import { type Document, isAlias, isMap, isScalar, isSeq, type Node, Scalar, type YAMLMap, type YAMLSeq } from "yaml";
import { type Diagnostic, type Path, quoted } from "./diagnostic.ts";
import { findUnquotedValue } from "./yaml-syntax.ts";

/** A value of the file with its position, with aliases and merge keys resolved. */
export interface YamlValue {
  /** String, number, true, false, null, list, or mapping without a prototype; `undefined` for a broken alias. */
  readonly value: unknown;
  /** Offset where the value begins. */
  readonly offset: number;
  /** Offset of its key, for a value in a mapping. */
  readonly keyOffset?: number;
  /** Offset of the value's first character, if the file contains the value literally. */
  readonly contentOffset?: number;
  /** A scalar as typed: `0x10` for 16. */
  readonly source?: string;
  /** By key, or by position in a list. */
  readonly children: ReadonlyMap<string | number, YamlValue>;
  /** Number of values in it, itself included, with aliases expanded. */
  readonly size: number;
}

/** Many more than any schedule has, and many fewer than nested aliases can expand to ("billion laughs"). */
const MAX_VALUES = 200_000;
const TOO_MANY = `more than ${MAX_VALUES} values, with aliases expanded`;

const NO_CHILDREN: ReadonlyMap<string | number, YamlValue> = new Map();

/** The position of a value; if the value is empty, that of its key or list. */
interface Location {
  readonly path: Path;
  readonly offset: number;
}

/**
 * Reads the values of the file with their positions. Duplicate keys, broken aliases and broken merges become diagnostics.
 *
 * @returns no `root` if the aliases expand to more values than any schedule has
 */
export function readYamlTree(
  document: Document,
  text: string,
): { readonly root: YamlValue | undefined; readonly diagnostics: readonly Diagnostic[] } {
  const reader = new TreeReader(text);
  const root = reader.readNode(document.contents, { path: [], offset: 0 });
  const { diagnostics } = reader;
  if (!reader.isOverLimit()) return { root, diagnostics };
  // Nothing was read after that point, so later diagnostics are not reliable.
  return {
    root: undefined,
    diagnostics: diagnostics.slice(0, diagnostics.findIndex(({ message }) => message === TOO_MANY) + 1),
  };
}

const emptyValue = (offset: number): YamlValue => ({ value: null, offset, source: "", children: NO_CHILDREN, size: 1 });

const isEmpty = (node: unknown): boolean => isScalar(node) && node.value === null && !node.source;

/** Reads one document. */
class TreeReader {
  readonly diagnostics: Diagnostic[] = [];
  readonly #text: string;
  /** `undefined` while the anchored value is still being read. */
  readonly #anchors = new Map<string, YamlValue | undefined>();
  /** Number of values read so far. */
  #valueCount = 0;

  constructor(text: string) {
    this.#text = text;
  }

  isOverLimit(): boolean {
    return this.#valueCount > MAX_VALUES;
  }

  readNode(node: unknown, at: Location): YamlValue {
    if (this.isOverLimit()) return emptyValue(at.offset);
    const here = isEmpty(node) ? at : { path: at.path, offset: startOf(node, at.offset) };
    if (isAlias(node)) return this.#readAlias(node.source, here);
    const anchor = isMap(node) || isSeq(node) || isScalar(node) ? node.anchor : undefined;
    if (anchor !== undefined) this.#anchors.set(anchor, undefined);
    const value = this.#readContent(node, here);
    if (anchor !== undefined) this.#anchors.set(anchor, value);
    return value;
  }

  #readContent(node: unknown, at: Location): YamlValue {
    this.#countValues(1, at);
    if (isMap(node)) return this.#readMap(node, at);
    if (isSeq(node)) return this.#readSeq(node, at);
    return isScalar(node) ? this.#readScalar(node, at) : emptyValue(at.offset);
  }

  #readScalar(node: Scalar, { offset }: Location): YamlValue {
    if (isEmpty(node)) return emptyValue(offset);
    const { value, source = "" } = node;
    const contentOffset = node.type === Scalar.PLAIN ? offset : offset + 1;
    const isLiteral = typeof value === "string" && this.#text.startsWith(value, contentOffset);
    return { value, offset, source, children: NO_CHILDREN, size: 1, ...(isLiteral ? { contentOffset } : {}) };
  }

  #readSeq(node: YAMLSeq, { path, offset }: Location): YamlValue {
    const children = new Map<number, YamlValue>();
    for (const [index, item] of node.items.entries()) {
      children.set(index, this.readNode(item, { path: [...path, index], offset }));
    }
    return { value: [...children.values()].map(({ value }) => value), offset, children, size: sizeOf(children) };
  }

  #readMap(node: YAMLMap, at: Location): YamlValue {
    const { path, offset } = at;
    const children = new Map<string, YamlValue>();
    const merged: YamlValue[] = [];
    for (const { key, value } of node.items) {
      const keyOffset = startOf(key, offset);
      if (!isScalar(key)) {
        this.#report({ path, offset: keyOffset }, "a key must be a string", "Write `key: value`.");
        continue;
      }
      // Uses the text as typed: `null: x` and `1: x` have keys too.
      const name = typeof key.value === "string" ? key.value : (key.source ?? "");
      const here = { path: [...path, name], offset: keyOffset };
      if (name === "<<" && key.type === Scalar.PLAIN) {
        merged.push(...this.#mergeSources(this.readNode(value, here), here.path));
        continue;
      }
      const isFirst = !children.has(name);
      const child = this.readNode(value, here);
      if (isFirst) children.set(name, { ...child, keyOffset });
      else this.#report(here, `duplicate key ${quoted(name)}`, DUPLICATE_HINT);
    }
    for (const source of merged) {
      this.#countValues(source.children.size, at);
      if (this.isOverLimit()) break;
      for (const [name, child] of source.children) {
        if (!children.has(String(name))) children.set(String(name), child);
      }
    }
    return { value: plainObject(children), offset, children, size: sizeOf(children) };
  }

  /** The mappings that `<<` merges: one mapping, or a list in which earlier ones win. */
  #mergeSources(merged: YamlValue, path: Path): readonly YamlValue[] {
    const sources = Array.isArray(merged.value) ? [...merged.children.values()] : [merged];
    return sources.filter(({ value, offset }) => {
      const isMapping = typeof value === "object" && value !== null && !Array.isArray(value);
      if (!isMapping && value !== undefined) {
        const hint = "Name an anchor: `<<: *common`, where `&common` is before a mapping.";
        this.#report({ path, offset }, "<< can only merge mappings", hint);
      }
      return isMapping;
    });
  }

  #readAlias(name: string, at: Location): YamlValue {
    const target = this.#anchors.get(name);
    if (target === undefined) {
      this.diagnostics.push(this.#aliasError(name, at));
      return { ...emptyValue(at.offset), value: undefined };
    }
    this.#countValues(target.size, at);
    // Report a problem of a list or mapping where it is used, and one of a string where its characters are.
    return target.children.size > 0 ? { ...target, offset: at.offset } : target;
  }

  #aliasError(name: string, at: Location): Diagnostic {
    const hint = "Define the anchor before the alias. If the value is a string that begins with *, quote it.";
    if (this.#anchors.has(name)) return { ...at, message: `the alias *${name} is inside its own anchor`, hint };
    const unquoted = /^[\w.-]+$/.test(name) ? undefined : findUnquotedValue(this.#text, at.offset);
    return { ...at, message: `no anchor &${name} is defined above`, hint, ...unquoted };
  }

  /** Counts values, so that a small file cannot expand into a huge one. Reports the limit once. */
  #countValues(count: number, at: Location): void {
    const wasOverLimit = this.isOverLimit();
    this.#valueCount += count;
    if (wasOverLimit || !this.isOverLimit()) return;
    this.#report(at, TOO_MANY, "Write the values without nested aliases, or split the schedule.");
  }

  #report(at: Location, message: string, hint: string): void {
    this.diagnostics.push({ ...at, message, hint });
  }
}

const DUPLICATE_HINT = "Remove one of the two. For several times, write a list: cron: [...].";

const sizeOf = (children: ReadonlyMap<unknown, YamlValue>): number =>
  [...children.values()].reduce((sum, { size }) => sum + size, 1);

function plainObject(children: ReadonlyMap<string, YamlValue>): Record<string, unknown> {
  const object: Record<string, unknown> = Object.create(null);
  for (const [name, { value }] of children) object[name] = value;
  return object;
}

function startOf(node: unknown, fallback: number): number {
  const range = (node as Node | null | undefined)?.range; // only nodes have a range
  return range?.[0] ?? fallback;
}
