import { resolve } from "node:path";
import { expect, test } from "vitest";
import * as z from "zod/mini";
import { ScheduleFile } from "../../src/schedule/schema.ts";
import { DURATION_PATTERN, SIZE_PATTERN } from "../../src/schedule/schema-parts.ts";
import { generatedParts, renderPage } from "./generated.ts";

const PAGE = "docs/schedule-file.md";

/** The parts of JSON Schema that the schema of the schedule file uses. */
interface Shape {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
}

// Zod writes plain JSON.
const root = z.toJSONSchema(ScheduleFile, { target: "draft-7", io: "input" }) as Shape;

/**
 * The mappings of the file, each of which has a section on the page. One that is the same as an earlier one has none: a
 * pipeline has the policies of `defaults`.
 */
function mappings(): ReadonlyMap<string, Shape> {
  const found = new Map<string, Shape>([["top level", root]]);
  const add = (path: string, { properties, required = [], items, anyOf }: Shape): void => {
    const isKnown = [...found.values()].some(
      (known) => JSON.stringify(known.properties) === JSON.stringify(properties),
    );
    if (properties !== undefined && !isKnown) found.set(path, { properties, required });
    for (const shape of [items, ...(anyOf ?? [])]) if (shape !== undefined) add(path, shape);
    for (const [key, shape] of Object.entries(properties ?? {})) add(`${path}.${key}`, shape);
  };
  for (const [key, shape] of Object.entries(root.properties ?? {})) add(key, shape);
  return found;
}

/** Description of a value's type. */
function kindOf({ type, enum: words, pattern, items, anyOf, properties }: Shape): string {
  if (anyOf !== undefined) return anyOf.map(kindOf).join(", or ");
  if (words !== undefined) return words.map((word) => `\`${word}\``).join(", ");
  if (items !== undefined) return `list of ${items.properties === undefined ? plural(kindOf(items)) : "mappings"}`;
  if (properties !== undefined || type === "object") return "mapping";
  if (type === "boolean") return "`true` or `false`";
  if (pattern === DURATION_PATTERN) return "duration";
  if (pattern === SIZE_PATTERN) return "size";
  if (type === "string") return pattern === undefined ? "string" : `string that matches \`${pattern}\``;
  return type ?? "any";
}

const plural = (kind: string): string => (kind === "string" ? "strings" : kind);

/** Escapes characters that Markdown interprets, except between backticks. */
const escaped = (text: string): string =>
  text
    .split("`")
    .map((part, index) => (index % 2 === 0 ? part.replace(/[|~*<]/g, "\\$&") : part.replaceAll("|", "\\|")))
    .join("`");

function renderTable({ properties = {}, required = [] }: Shape): string {
  const rows = Object.entries(properties).map(([key, shape]) => {
    const needed = required.includes(key) ? " (required)" : "";
    const initial = shape.default === undefined ? "" : ` Default: \`${String(shape.default)}\`.`;
    return `| \`${key}\`${needed} | ${kindOf(shape).replaceAll("|", "\\|")} | ${escaped(shape.description ?? "")}${initial} |`;
  });
  return ["| key | value | meaning |", "|---|---|---|", ...rows].join("\n");
}

test("docs/schedule-file.md lists the current keys of the schema (to update it: npm run docs)", async () => {
  const shapes = mappings();
  await expect(renderPage(PAGE, (name) => renderTable(shapes.get(name) ?? {}))).toMatchFileSnapshot(resolve(PAGE));
});

test("docs/schedule-file.md has a section for every mapping of the file", () => {
  expect([...generatedParts(PAGE)].sort()).toEqual([...mappings().keys()].sort());
});
