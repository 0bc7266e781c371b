import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import * as z from "zod/mini";
import { ScheduleFile } from "../../src/schedule/schema.ts";

const FILE = "../../schema/schedule.schema.json";

/** The JSON Schema for editors. `npm run schema` writes it. */
function renderJsonSchema(): string {
  const { $schema, ...schema } = z.toJSONSchema(ScheduleFile, { target: "draft-7", io: "input" });
  const $id = "https://unpkg.com/pipelinewise-sched/schema/schedule.schema.json";
  return `${JSON.stringify({ $schema, $id, title: "pipelinewise-sched schedule", ...schema }, null, 2)}\n`;
}

/** The properties without a description, at any depth. */
function undescribed(schema: unknown, path: string): readonly string[] {
  if (typeof schema !== "object" || schema === null) return [];
  const properties = "properties" in schema ? Object.entries(schema.properties ?? {}) : [];
  return [
    ...properties.flatMap(([key, value]) => [
      ...("description" in value ? [] : [`${path}.${key}`]),
      ...undescribed(value, `${path}.${key}`),
    ]),
    ...("items" in schema ? undescribed(schema.items, `${path}[]`) : []),
  ];
}

test("the published JSON Schema is up to date (to update it: npm run schema)", async () => {
  await expect(renderJsonSchema()).toMatchFileSnapshot(FILE);
});

test("every key of the JSON Schema has a description", () => {
  expect(undescribed(JSON.parse(renderJsonSchema()), "")).toEqual([]);
});

test("the example names the published JSON Schema for editors", () => {
  const example = readFileSync("examples/schedule.yml", "utf8");
  expect(example).toMatch(/^# yaml-language-server: \$schema=\.\.\/schema\/schedule\.schema\.json\n/);
  expect(parse(example).pipelines).toHaveLength(5);
});
