import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";

/** The output of `metrics` about an entry that has every metric. */
async function readOutput(): Promise<string> {
  const box = sandbox();
  box.install([anEntry({ id: "nightly", policies: { freshWithinMs: 60_000 } })]);
  expect(await main(["run", ...PAIR_WORDS, "--id", "nightly"], box.host)).toBe(0);
  const reader = sandbox("exit 0", { env: box.host.env });
  expect(await main(["metrics"], reader.host)).toBe(0);
  return reader.host.out();
}

const OF_ENTRIES = ["tap", "target", "command", "entry"];

/** The rows that the table must have: name, labels besides those of an entry, meaning. */
function rowsOf(output: string): readonly string[] {
  return [...output.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name = "", help = ""]) => {
    const series = output.split("\n").filter((line) => line.startsWith(`${name}{`));
    const labels = new Set(series.flatMap((line) => [...line.matchAll(/[{,](\w+)="/g)].map(([, label = ""]) => label)));
    const more = [...labels].filter((label) => !OF_ENTRIES.includes(label)).map((label) => `\`${label}\``);
    return `| \`${name}\` | ${more.join(", ")} | ${help} |`.replace("|  |", "| |");
  });
}

test("docs/monitoring.md lists the metrics that the program prints", async () => {
  const page = readFileSync("docs/monitoring.md", "utf8");
  const rows = page.split("\n").filter((line) => line.startsWith("| `pipelinewise_sched_"));
  expect(rows).toEqual(rowsOf(await readOutput()));
});

test.each(["alert-rules.yml", "grafana-dashboard.json"])(
  "examples/monitoring/%s uses existing metrics",
  async (file) => {
    const names = readFileSync(`examples/monitoring/${file}`, "utf8").match(/pipelinewise_sched_\w+/g) ?? [];
    const known = [...(await readOutput()).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    expect(names).not.toEqual([]);
    expect(names.filter((name) => !known.includes(name))).toEqual([]);
  },
);

test("the Grafana dashboard is JSON whose panels do not overlap", () => {
  interface Panel {
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  }
  const { panels }: { panels: readonly Panel[] } = JSON.parse(
    readFileSync("examples/monitoring/grafana-dashboard.json", "utf8"),
  );
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
});
