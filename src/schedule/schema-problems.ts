import type * as z from "zod/mini";
import { nearestWord } from "../text/suggest.ts";
import { type Finding, type Path, quoted } from "./problem.ts";
import { type FaultDetail, knownKeys, missingHint } from "./schema.ts";
import type { Written } from "./yaml-tree.ts";

type Issue = z.core.$ZodIssue;

/** Converts a schema issue into findings with places and plain messages. */
export function shapeFindings(issue: Issue, root: Written): readonly Finding[] {
  const path = issue.path.map((step) => (typeof step === "symbol" ? String(step) : step));
  const spot = findSpot(root, path);
  if (spot.missing) return [missing(path, spot.written)];
  const { written } = spot;
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(key, path, written));
    case "invalid_union":
      return unionFindings(issue, root, written);
    case "invalid_key":
      return issue.issues.map((inner) => ({ ...fault(inner, path, written), at: written.keyAt ?? written.at }));
    case "invalid_value":
      return [notOneOf(issue.values.map(String), path, written)];
    case "too_small":
      return [{ at: written.at, path, message: "the list is empty", hint: "Add at least one item." }];
    case "custom":
      return [fault(issue, path, written)];
    default:
      return [wrongType(issue, path, written)];
  }
}

/** The value at a path, or the mapping where the rest of the path is missing. */
function findSpot(root: Written, path: Path): { readonly written: Written; readonly missing: boolean } {
  let written = root;
  for (const step of path) {
    const child = written.children.get(step);
    if (child === undefined) return { written, missing: true };
    written = child;
  }
  return { written, missing: false };
}

function missing(path: Path, parent: Written): Finding {
  const key = String(path.at(-1) ?? "");
  return { at: parent.at, path: path.slice(0, -1), message: `the key \`${key}\` is missing`, hint: missingHint(path) };
}

/** The findings of the union branch that accepts the value's type. */
function unionFindings(
  issue: Extract<Issue, { code: "invalid_union" }>,
  root: Written,
  written: Written,
): readonly Finding[] {
  const meant = issue.errors.find((branch) =>
    branch.every((inner) => inner.code !== "invalid_type" || inner.path.length > 0),
  );
  if (meant !== undefined) {
    return meant.flatMap((inner) => shapeFindings({ ...inner, path: [...issue.path, ...inner.path] }, root));
  }
  const path = issue.path.map((step) => (typeof step === "symbol" ? String(step) : step));
  return [typeFinding("a string or a list", "string", path, written)];
}

function fault(issue: Issue, path: Path, { at, textAt }: Written): Finding {
  const { hint, offset = 0 } = (issue.code === "custom" ? (issue.params ?? {}) : {}) as Partial<FaultDetail>; // as `text` in schema.ts made it
  return { at: textAt === undefined ? at : textAt + offset, path, message: issue.message, hint };
}

function unknownKey(key: string, path: Path, parent: Written): Finding {
  const at = parent.children.get(key)?.keyAt ?? parent.at;
  const known = knownKeys(path);
  const near = nearestWord(key, known);
  return {
    at,
    path: [...path, key],
    message: `unknown key ${quoted(key)}${near === undefined ? "" : `; did you mean "${near}"?`}`,
    hint: near === undefined ? `Allowed keys: ${known.join(", ")}.` : `Write \`${near}\`, or remove the key.`,
  };
}

function notOneOf(known: readonly string[], path: Path, written: Written): Finding {
  if (typeof written.value !== "string") return typeFinding("a string", "string", path, written);
  const near = nearestWord(written.value, known);
  const hint = near === undefined ? undefined : `Did you mean ${near}?`;
  return { at: written.at, path, message: `${quoted(written.value)} is not one of ${known.join(", ")}`, hint };
}

const TYPES: Readonly<Record<string, string>> = {
  string: "text",
  array: "a list",
  object: "a mapping",
  record: "a mapping",
  boolean: "true or false",
};

function wrongType(issue: Issue, path: Path, written: Written): Finding {
  const expected = issue.code === "invalid_type" ? issue.expected : "";
  return typeFinding(TYPES[expected] ?? "another value", expected, path, written);
}

function typeFinding(wanted: string, expected: string, path: Path, written: Written): Finding {
  return {
    at: written.at,
    path,
    message: `expected ${wanted}, found ${kindOf(written)}`,
    hint: typeHint(expected, path, written),
  };
}

function kindOf({ value, source }: Written): string {
  if (value === null) return source === "" || source === undefined ? "nothing" : `${source} (null in YAML)`;
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  if (typeof value === "string") return quoted(value);
  return `the ${typeof value === "number" ? "number" : "value"} ${source ?? String(value)}`;
}

function typeHint(expected: string, path: Path, { value, source }: Written): string | undefined {
  const key = String(path.findLast((step) => typeof step === "string") ?? "");
  const scalar = typeof value !== "object" || value === null;
  if (scalar && (source === "" || source === undefined)) return "Add a value, or remove the key.";
  if (expected === "string" && scalar) return `Put it in quotes: "${source}".`;
  if (expected === "array" && typeof value === "string") return `Write a list: ${key}: [${source}].`;
  if (expected === "array") return `Begin each item with \`- \`.`;
  if (expected === "boolean") return "Write true or false.";
  if (expected === "object" || expected === "record") return "Write `key: value`, one per line.";
  return undefined;
}
