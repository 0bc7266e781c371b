import { existsSync } from "node:fs";
import { test } from "vitest";
import { lot } from "../../../verification/rig/lot.ts";
import { killAtRandom } from "./kills.ts";

test.skipIf(!existsSync("dist/run.cjs"))(
  "kill -9 of 20 starts, while they wait or run, never causes more runs than places and never loses a place",
  () => killAtRandom(20, lot(20261126)),
  180_000,
);
