import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { stateFault } from "../../src/run/policies/state-copies.ts";
import { pipelineStateFile, stateCopiesDir } from "../../src/storage/paths.ts";
import { PAIR_WORDS, sandbox } from "../support/sandbox.ts";

const PAIR = { tap: "microserv_1", target: "redshift" };
const scheduled = [...PAIR_WORDS, "--scheduled"];
const RESTORE = ["state", "restore", ...PAIR_WORDS];

const bookmark = (value: number): string => `{"bookmarks": {"public-orders": {"replication_key_value": ${value}}}}`;

/** A pipeline whose runs write the next state each. */
function pipeline() {
  // The state is the number of the run.
  const script = `n=$(($(cat "$HOME/count" 2>/dev/null || echo 0) + 1)); echo $n > "$HOME/count"
printf '{"bookmarks": {"public-orders": {"replication_key_value": %s}}}' $n > "$HOME/.pipelinewise/redshift/microserv_1/state.json"`;
  const box = sandbox(script);
  const file = pipelineStateFile(box.paths, PAIR);
  mkdirSync(dirname(file), { recursive: true });
  return {
    ...box,
    state: file,
    /** Text of each copy, by the name of its file. */
    copies: () => {
      const directory = stateCopiesDir(box.paths, PAIR);
      return new Map(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), "utf8")]));
    },
  };
}

describe("copies of state.json", () => {
  test("the newest three are kept, readable only by the owner", async () => {
    const { host, copies, paths } = pipeline();
    for (let run = 0; run < 5; run++) expect(await runMain(PAIR_WORDS, host)).toBe(0);
    expect([...copies().values()].sort()).toEqual([3, 4, 5].map(bookmark));
    for (const name of copies().keys())
      expect(statSync(join(stateCopiesDir(paths, PAIR), name)).mode & 0o777).toBe(0o600);
  });

  test("a run that leaves the state as it was adds no copy", async () => {
    const { host, state, program, copies } = pipeline();
    writeFileSync(program, "#!/bin/sh\nexit 0\n");
    writeFileSync(state, bookmark(1));
    for (let run = 0; run < 3; run++) await runMain(PAIR_WORDS, host);
    expect(copies().size).toBe(1);
  });

  test("a run that fails adds no copy", async () => {
    const { host, state, program, paths } = pipeline();
    writeFileSync(program, "#!/bin/sh\nexit 1\n");
    writeFileSync(state, bookmark(1));
    await runMain(PAIR_WORDS, host);
    expect(() => readdirSync(stateCopiesDir(paths, PAIR))).toThrow("ENOENT");
  });

  test("a run succeeds although no copy can be written", async () => {
    const { host, paths, records } = pipeline();
    mkdirSync(paths.root, { mode: 0o700 });
    writeFileSync(join(paths.root, "state-copies"), "in the way");
    expect(await runMain(PAIR_WORDS, host)).toBe(0);
    expect(await records()).toMatchObject([{ outcome: "succeeded" }]);
  });
});

describe("a torn state.json", () => {
  test.each([
    ["empty", "", "is empty"],
    ["half written", bookmark(7).slice(0, 20), "is not complete JSON"],
    ["not an object", "[]", "is not a JSON object"],
  ])("%s: PipelineWise is not started, and the run failed", async (_, text, fault) => {
    const { host, state, records, home, install } = pipeline();
    install();
    await runMain(PAIR_WORDS, host);
    writeFileSync(state, text);
    expect(await runMain(PAIR_WORDS, host)).toBe(1);
    expect(readFileSync(join(home, "count"), "utf8")).toBe("1\n");
    expect((await records())[0]).toMatchObject({
      outcome: "failed",
      reason: "state",
      exitCode: 1,
      detail: `has a torn state file: ${state} ${fault}`,
    });
    expect(host.err()).toContain(
      `microserv_1 → redshift was not started: it has a torn state file: ${state} ${fault}\n  Restore the copy of the last run that succeeded: pipelinewise-sched state restore --tap microserv_1 --target redshift\n`,
    );
  });

  test("a scheduled start handles its slot, so that no other host tries again", async () => {
    const { host, state, records, install } = pipeline();
    install();
    writeFileSync(state, "");
    expect(await runMain(scheduled, host)).toBe(1);
    expect(await runMain(scheduled, host)).toBe(0);
    expect((await records()).map(({ outcome, reason }) => `${outcome} ${reason}`).sort()).toEqual([
      "failed state",
      "skipped slot-done",
    ]);
  });

  test("without a copy, the hint names a backup and a full copy of every table", async () => {
    const { host, state } = pipeline();
    writeFileSync(state, "");
    await runMain(PAIR_WORDS, host);
    expect(host.err()).toContain("Restore the file from a backup, or delete it to copy every table again.");
  });

  test("data-diff checks start, because they do not use it", async () => {
    const { host, state, program } = pipeline();
    writeFileSync(program, "#!/bin/sh\nexit 0\n");
    writeFileSync(state, "");
    expect(await runMain([...PAIR_WORDS, "--command", "run_data_diff_checks"], host)).toBe(0);
  });

  test("NaN and Infinity, as Python writes them, do not make a state torn", () => {
    expect(stateFault('{"bookmarks": {"a": {"v": NaN, "w": -Infinity}}}')).toBe(undefined);
  });
});

describe("a missing state.json", () => {
  test("the run starts; it warns if a copy exists", async () => {
    const { host, state } = pipeline();
    await runMain(PAIR_WORDS, host);
    expect(host.err()).toBe("");
    rmSync(state);
    expect(await runMain(PAIR_WORDS, host)).toBe(0);
    expect(host.err()).toContain(`${state} is missing, so PipelineWise copies every table again`);
  });
});

describe("state restore", () => {
  test("restores the newest copy and keeps the torn file beside it", async () => {
    const { host, state } = pipeline();
    for (let run = 0; run < 2; run++) await runMain(PAIR_WORDS, host);
    writeFileSync(state, '{"book');
    expect(await main(RESTORE, host)).toBe(0);
    expect(readFileSync(state, "utf8")).toBe(bookmark(2));
    expect(readFileSync(`${state}.before-restore`, "utf8")).toBe('{"book');
    expect(host.out()).toContain("microserv_1 → redshift has the state of run ");
    expect(await runMain(PAIR_WORDS, host)).toBe(0);
  });

  test("restores the copy of the run that --run names, and lists the copies if there is none", async () => {
    const { host, state, copies } = pipeline();
    for (let run = 0; run < 2; run++) await runMain(PAIR_WORDS, host);
    const [first = ""] = [...copies()].find(([, text]) => text === bookmark(1)) ?? [];
    expect(await main([...RESTORE, "--run", "nosuch"], host)).toBe(66);
    expect(host.err()).toContain(`Use --run with one of these: run `);
    expect(host.err()).toContain(first.replace(".json", ""));
    expect(await main([...RESTORE, "--run", first.replace(".json", "")], host)).toBe(0);
    expect(readFileSync(state, "utf8")).toBe(bookmark(1));
  });

  test("ends with 66 if there is no copy", async () => {
    const { host, install } = pipeline();
    install();
    expect(await main(RESTORE, host)).toBe(66);
    expect(host.err()).toContain("no copy of the state.json of microserv_1 → redshift exists");
  });

  test("names the nearest pipeline if the id is unknown", async () => {
    const { host, install } = pipeline();
    install();
    expect(await main(["state", "restore", "--tap", "microserv_2", "--target", "redshift"], host)).toBe(66);
    expect(host.err()).toContain("did you mean microserv_1 → redshift?");
  });

  test("refuses while the pipeline is running", async () => {
    const { host, state, program } = pipeline();
    await runMain(PAIR_WORDS, host);
    // The run itself asks for the restore, so that it surely is running then.
    let code: number | undefined;
    writeFileSync(program, '#!/bin/sh\necho running; until [ -e "$HOME/go" ]; do sleep 0.05; done\n');
    const go = join(dirname(dirname(program)), "go");
    const run = runMain(PAIR_WORDS, {
      ...host,
      stdout: {
        write: () => {
          void main(RESTORE, host).then((ended) => {
            code = ended;
            writeFileSync(go, "");
          });
          return true;
        },
      },
    });
    await run;
    expect(code).toBe(75);
    expect(host.err()).toContain("is locked by host");
    expect(readFileSync(state, "utf8")).toBe(bookmark(1));
  });

  test("follows no link below .sched", async () => {
    const { host, paths, home } = pipeline();
    await runMain(PAIR_WORDS, host);
    rmSync(join(paths.root, "state-copies"), { recursive: true });
    mkdirSync(join(home, "elsewhere"));
    symlinkSync(join(home, "elsewhere"), join(paths.root, "state-copies"));
    await runMain(PAIR_WORDS, host);
    expect(readdirSync(join(home, "elsewhere"))).toEqual([]);
  });
});
