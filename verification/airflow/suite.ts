import { describe, test } from "vitest";
import { inCi } from "../rig/needs.ts";
import { type Airflow, type AirflowVersion, installAirflow } from "./install.ts";

/**
 * A suite on a real Airflow. To be awaited at the top of a file: the first time it installs that Airflow. Where that
 * cannot be done it is skipped with the reason in plain sight; in CI that fails.
 */
export async function describeOnAirflow(
  version: AirflowVersion,
  title: string,
  body: (airflow: Airflow) => void,
): Promise<void> {
  const found = await installAirflow(version).catch((error: unknown) => ({ reason: String(error) }));
  describe(`Airflow ${version}: ${title}`, () => {
    if (!("reason" in found)) {
      body(found);
      return;
    }
    test("runs on a real Airflow", (context) => {
      if (inCi) throw new Error(found.reason);
      context.skip(found.reason);
    });
  });
}
