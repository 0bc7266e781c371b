import { test } from "vitest";
import { killAtRandom } from "../test/run/limits/kills.ts";
import { lot } from "./rig/lot.ts";

/** `PWS_LOCK_ROUNDS` sets the number of rounds, as for the tests of the locks. */
const KILLS = 10 * Number(process.env["PWS_LOCK_ROUNDS"] ?? 8);
const KILL_MS = 3_000;

test(
  `kill -9 of ${KILLS} starts with limits, at random times, never exceeds a limit and never loses a place`,
  () => killAtRandom(KILLS, lot(20261127)),
  60_000 + KILLS * KILL_MS,
);
