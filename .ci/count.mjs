// Prints "PASSED FAILED" from the test runner's JSON report; a report without a single test is an error.
import { readFileSync } from "node:fs";

const report = JSON.parse(readFileSync(process.argv[2], "utf8"));
if (!(report.numTotalTests > 0)) throw new Error("The test runner ran no test");
// A file that failed before its first test counts as one failure.
const broken = report.testResults.filter(
  (file) => file.status === "failed" && file.assertionResults.length === 0,
).length;
console.log(report.numPassedTests, report.numFailedTests + broken);
