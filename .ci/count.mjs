// Prints "PASSED FAILED" from the test runner's JSON report, and adds each failure to a file: count.mjs LAYER
// REPORT FAILURES. A report without a single test is an error.
import { appendFileSync, readFileSync } from "node:fs";
import { relative } from "node:path";

const [layer, reportFile, failuresFile] = process.argv.slice(2);
const report = JSON.parse(readFileSync(reportFile, "utf8"));
if (!(report.numTotalTests > 0)) throw new Error("The test runner ran no test");

const failures = report.testResults.flatMap(({ name, status, message, assertionResults }) => {
  const file = relative(process.cwd(), name);
  // A file that failed before its first test counts as one failure.
  if (status === "failed" && assertionResults.length === 0) return [`${file}: ${message}`];
  const failed = assertionResults.filter((test) => test.status === "failed");
  return failed.map((test) => `${file}: ${test.fullName}\n${test.failureMessages.join("\n")}`);
});
// The start of a message is enough to recognise the failure; the whole of it is in the output above.
for (const failure of failures) appendFileSync(failuresFile, `${layer}: ${failure.slice(0, 2_000)}\n`);
console.log(report.numPassedTests, failures.length);
