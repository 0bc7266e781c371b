import type * as z from "zod/mini";
import { nearestWord } from "../text/suggest.ts";
import { type Diagnostic, type Path, quoted } from "./diagnostic.ts";
import { missingHint, wrongTypeHint } from "./hints.ts";
import { knownKeys } from "./schema.ts";
import type { IssueDetail } from "./schema-parts.ts";
import type { YamlValue } from "./yaml-tree.ts";

type Issue = z.core.$ZodIssue;

/** A value and its path. */
interface LocatedValue {
  readonly path: Path;
  readonly node: YamlValue;
}

/** Converts an issue of Zod into diagnostics with plain messages. */
export function fromZodIssue(issue: Issue, root: YamlValue): readonly Diagnostic[] {
  const path = issue.path.map((step) => (typeof step === "symbol" ? String(step) : step));
  const { node, missing } = findValue(root, path);
  if (missing) return [missingKey({ path, node })];
  const at = { path, node };
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(key, at));
    case "invalid_union":
      return branchIssues(issue)?.flatMap((inner) => fromZodIssue(inner, root)) ?? [wrongType(unionType(issue), at)];
    case "invalid_key":
      return issue.issues.map((inner) => ({
        ...invalidValue(inner, at),
        offset: node.keyOffset ?? node.offset,
      }));
    case "invalid_value":
      return [notOneOf(issue.values.map(String), at)];
    case "too_small":
      return [{ offset: node.offset, path, message: "the list is empty", hint: "Add at least one item." }];
    case "custom":
      return [invalidValue(issue, at)];
    default:
      return [wrongType(TYPES[issue.code === "invalid_type" ? issue.expected : ""] ?? OTHER, at)];
  }
}

/** The value at a path, or the mapping where the rest of the path is missing. */
function findValue(root: YamlValue, path: Path): { readonly node: YamlValue; readonly missing: boolean } {
  let node = root;
  for (const step of path) {
    const child = node.children.get(step);
    if (child === undefined) return { node, missing: true };
    node = child;
  }
  return { node, missing: false };
}

function missingKey({ path, node }: LocatedValue): Diagnostic {
  const key = String(path.at(-1) ?? "");
  return {
    offset: node.offset,
    path: path.slice(0, -1),
    message: `the key \`${key}\` is missing`,
    hint: missingHint(path),
  };
}

/** The types that a union accepts. */
function unionType({ errors }: Extract<Issue, { code: "invalid_union" }>): ExpectedType {
  const accepts = (type: string) =>
    errors.flat().some((inner) => inner.code === "invalid_type" && inner.expected === type);
  if (accepts("object")) return accepts("array") ? LIST_OR_MAPPING : STRING_OR_MAPPING;
  return accepts("array") ? STRING_OR_LIST : SCALAR;
}

/** The issues of the union branch that accepts the value's type; `undefined` if none does. */
function branchIssues(issue: Extract<Issue, { code: "invalid_union" }>): readonly Issue[] | undefined {
  const branch = issue.errors.find((inner) =>
    inner.every(({ code, path }) => code !== "invalid_type" || path.length > 0),
  );
  return branch?.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
}

function invalidValue(issue: Issue, { path, node: { offset, contentOffset } }: LocatedValue): Diagnostic {
  const detail = (issue.code === "custom" ? (issue.params ?? {}) : {}) as Partial<IssueDetail>; // set by schema-parts.ts
  const start = contentOffset === undefined ? offset : contentOffset + (detail.offset ?? 0);
  return { offset: start, path, message: issue.message, hint: detail.hint };
}

function unknownKey(key: string, { path, node: parent }: LocatedValue): Diagnostic {
  const known = knownKeys(path);
  const near = nearestWord(key, known);
  return {
    offset: parent.children.get(key)?.keyOffset ?? parent.offset,
    path: [...path, key],
    message: `unknown key ${quoted(key)}${near === undefined ? "" : `; did you mean "${near}"?`}`,
    hint: near === undefined ? `Allowed keys: ${known.join(", ")}.` : `Write \`${near}\`, or remove the key.`,
  };
}

function notOneOf(known: readonly string[], at: LocatedValue): Diagnostic {
  const { path, node } = at;
  const [only = "", ...others] = known;
  if (others.length === 0) return wrongType({ description: only, kind: "string" }, at);
  if (typeof node.value !== "string") return wrongType(STRING, at);
  const near = nearestWord(node.value, known);
  const hint = near === undefined ? undefined : `Did you mean ${near}?`;
  return { offset: node.offset, path, message: `${quoted(node.value)} is not one of ${known.join(", ")}`, hint };
}

/** A type that a value should have: its description, and the kind of hint. */
interface ExpectedType {
  readonly description: string;
  readonly kind: "string" | "list" | "mapping" | "boolean" | "other";
}

const STRING: ExpectedType = { description: "a string", kind: "string" };
const STRING_OR_LIST: ExpectedType = { description: "a string or a list", kind: "string" };
const STRING_OR_MAPPING: ExpectedType = { description: "a string or a mapping", kind: "string" };
const LIST_OR_MAPPING: ExpectedType = { description: "a list or a mapping", kind: "list" };
const SCALAR: ExpectedType = { description: "a string, a number, true or false", kind: "other" };
const MAPPING: ExpectedType = { description: "a mapping", kind: "mapping" };
const OTHER: ExpectedType = { description: "another value", kind: "other" };

/** By Zod's name of the type. */
const TYPES: Readonly<Record<string, ExpectedType>> = {
  string: STRING,
  array: { description: "a list", kind: "list" },
  object: MAPPING,
  record: MAPPING,
  boolean: { description: "true or false", kind: "boolean" },
};

const wrongType = ({ description, kind }: ExpectedType, at: LocatedValue): Diagnostic => ({
  offset: at.node.offset,
  path: at.path,
  message: `expected ${description}, found ${kindOf(at.node)}`,
  hint: typeHint(kind, at),
});

function kindOf({ value, source }: YamlValue): string {
  if (value === null) return source === "" || source === undefined ? "nothing" : `${source} (null in YAML)`;
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  if (typeof value === "string") return quoted(value);
  return `the ${typeof value === "number" ? "number" : "value"} ${source ?? String(value)}`;
}

function typeHint(kind: ExpectedType["kind"], { path, node: { value, source } }: LocatedValue): string | undefined {
  const isScalar = typeof value !== "object" || value === null;
  if (isScalar && (source === "" || source === undefined)) return "Add a value, or remove the key.";
  const ofKey = wrongTypeHint(path, value);
  if (ofKey !== undefined) return ofKey;
  switch (kind) {
    case "string":
      return isScalar ? `Put it in quotes: "${source}".` : undefined;
    case "list": {
      const key = path.findLast((step) => typeof step === "string") ?? "";
      return typeof value === "string"
        ? `Write a list: ${key}: [${source
            ?.trim()
            .split(/[\s,]+/)
            .join(", ")}].`
        : "Begin each item with `- `.";
    }
    case "boolean":
      return "Write true or false.";
    case "mapping":
      return "Write `key: value`, one per line.";
    case "other":
      return undefined;
  }
}
