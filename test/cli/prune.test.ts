import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { renderBytes } from "../../src/cli/commands/prune.ts";
import { main } from "../../src/cli/main.ts";
import { logsDir } from "../../src/storage/paths.ts";
import { filesIn, leaveLogs, leaveMonth, prunable } from "../retention/files.ts";
import { sandbox } from "../support/sandbox.ts";

describe("prune", () => {
  test("--dry-run shows what would be removed, and prune removes it", async () => {
    const box = prunable();
    leaveLogs(box.paths, 90, 25);
    leaveMonth(box.paths, "2024-12");
    const before = filesIn(box.paths);
    expect(await main(["prune", "--dry-run"], box.host)).toBe(0);
    expect(filesIn(box.paths)).toEqual(before);
    expect(box.host.out()).toMatchInlineSnapshot(`
      "What     Directory                         Files  Size
      -------  --------------------------------  -----  ----
      logs     .sched/logs/redshift/microserv_1  5      50 B
      history  .sched/runs/2024-12               1      10 B

      Would remove 6 files, 60 B. These files expire:
      - logs older than 30 d, except those of each pipeline's newest 20 runs
      - history older than 400 d, in whole months
      - files in tmp that are older than a day and than every running pipeline
      "
    `);
    expect(await main(["prune"], box.host)).toBe(0);
    expect(box.logs()).toHaveLength(20);
    expect(box.host.out()).toContain("\nRemoved 6 files, 60 B.");
    expect(await main(["prune"], box.host)).toBe(0);
    expect(box.host.out()).toContain("\nRemoved nothing. These files expire:");
  });

  test("--json prints numbers", async () => {
    const box = prunable();
    leaveLogs(box.paths, 90, 21);
    expect(await main(["prune", "--json"], box.host)).toBe(0);
    expect(JSON.parse(box.host.out())).toEqual({
      dryRun: false,
      retention: { logsSeconds: 30 * 86_400, historySeconds: 400 * 86_400, pipelinewiseLogsSeconds: null },
      files: 1,
      bytes: 10,
      removals: [{ kind: "logs", directory: ".sched/logs/redshift/microserv_1", files: 1, bytes: 10 }],
    });
  });

  test("names what it cannot remove, and ends with 74", async () => {
    const box = prunable();
    leaveLogs(box.paths, 90, 21);
    symlinkSync("/nowhere", join(logsDir(box.paths), "broken"));
    expect(await main(["prune"], box.host)).toBe(74);
    expect(box.host.err()).toMatch(/^not removed: \.sched\/logs\/broken: .* is a symbolic link/);
    expect(box.logs()).toHaveLength(20);
  });

  test("creates nothing in a config directory that this program does not use", async () => {
    const box = sandbox();
    expect(await main(["prune"], box.host)).toBe(0);
    expect(box.host.out()).toMatch(/^Removed nothing/);
    expect(filesIn(box.paths)).toEqual([]);
  });
});

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [3.14 * 1024 ** 3, "3.1 GiB"],
  [5000 * 1024 ** 4, "5000.0 TiB"],
])("%d bytes are shown as %s", (bytes, text) => {
  expect(renderBytes(bytes)).toBe(text);
});
