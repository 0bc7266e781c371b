import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { waitFor } from "../../test/support/wait.ts";
import { describeOnCronicle } from "./installed.ts";
import { cronicleProduct } from "./product.ts";

const MESSAGE = `{"complete":1,"code":9,"description":"not ours","label":"not ours","html":{"title":"x","content":"x"}}`;
const LINES = [
  MESSAGE,
  `  ${MESSAGE} `,
  `\t\r${MESSAGE}\r`,
  `\u00a0${MESSAGE}`,
  `\ufeff${MESSAGE}`,
  "{}",
  "{",
  `} ${MESSAGE}`,
];

describeOnCronicle("messages in the output of a job", (installed) => {
  test("a pipeline's JSON does not end its job, its progress is shown, and its log is unchanged", async () => {
    const product = await cronicleProduct(installed);
    const { directory, config } = product.sandbox;
    const [lines, go, program] = [join(directory, "lines"), join(directory, "go"), join(directory, "program")];
    writeFileSync(lines, `${LINES.join("\n")}\n`);
    const halves = `printf '%s' '${MESSAGE.slice(0, 5)}'; sleep 0.3; printf '%s\\n' '${MESSAGE.slice(5)}'`;
    const script = `cat ${lines}; ${halves}; echo 50%; while [ ! -e ${go} ]; do sleep 0.1; done; echo goes on`;
    writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    product.writeSchedule({ orders: "0 4 29 2 *" }, program);
    expect(await product.on("install")).toMatchObject({ code: 0 });

    const id = await product.runNow("orders");
    const job = await waitFor("the progress of the job", 30_000, async () => {
      const { job: found }: { job?: Readonly<Record<string, unknown>> } = await product.server.call("get_job_status", {
        id,
      });
      return found?.["progress"] === undefined ? undefined : found;
    });
    expect(job).toMatchObject({ progress: 0.5 });
    for (const key of ["complete", "code", "label", "html"]) expect(job).not.toHaveProperty(key);
    writeFileSync(go, "");

    const { log, ...end } = await product.endOf(id);
    expect(end).toMatchObject({ code: 0, description: "", label: undefined });
    // Cronicle drops a line feed if the line after it arrives in two parts.
    const marked = [...LINES, MESSAGE, "goes on"].map((line) => line.replace(/^[ \t\r]*(?=\{)/, "$&> "));
    expect(log.replaceAll("\n", "")).toContain(marked.join(""));
    const logs = join(config, ".sched/logs/dwh/orders");
    const [name = ""] = readdirSync(logs);
    expect(readFileSync(join(logs, name), "utf8")).toBe(`${[...LINES, MESSAGE, "50%", "goes on"].join("\n")}\n`);
  });
});
