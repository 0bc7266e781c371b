import { expect, test } from "vitest";
import type { PlaceClaim } from "../../../src/run/limits/claim.ts";
import { openOwners } from "../../../src/run/limits/owners.ts";
import { sandbox } from "../../support/sandbox.ts";
import { DEAD_RUN, leaveDeadLock, leaveLockedProcess } from "../dead-run.ts";

test("a dead run keeps its place while a process has its kernel lock, because that may become its pipeline", async () => {
  const { host, paths, records } = sandbox();
  const { token } = leaveDeadLock(paths);
  const end = await leaveLockedProcess(paths);
  const claim: PlaceClaim = {
    ...{ target: "redshift", lock: "microserv_1", runId: DEAD_RUN.id, host: "testhost", since: DEAD_RUN.startedAt },
    limits: [{ kind: "target", name: "redshift", places: 1 }],
  };
  const holdsLock = () => openOwners(paths, host, new Promise(() => {})).holdsLock(token, claim);
  expect(await holdsLock()).toBe(true);
  expect(await records()).toEqual([]);
  await end();
  expect(await holdsLock()).toBe(false);
  expect(await records()).toMatchObject([{ id: DEAD_RUN.id, outcome: "lost" }]);
});
