import { runMain } from "../../src/cli/run-command.ts";
import { realHost } from "../../src/host.ts";
import { pipelineLocks } from "../../src/lock/pipeline-locks.ts";

/** `run` of the product with other times of its lock. argv: those as JSON, then the words behind `run` */
const [timingText = "", ...words] = process.argv.slice(2);
const timing = JSON.parse(timingText);
void runMain(words, realHost("quick-door", "0.0.0-test"), { locks: pipelineLocks({ timing }), timing }).then((code) => {
  process.exitCode = code;
});
