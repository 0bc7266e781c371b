import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { holdSignals } from "../../src/system/hold-signals.ts";

const done = "all is done";

test.each([
  ["SIGINT", 130],
  ["SIGQUIT", 131],
  ["SIGXCPU", 152],
])("%s ends a step only when the step has ended", async (signal, exitCode) => {
  const signals = new EventEmitter();
  const steps: string[] = [];
  const held = holdSignals(
    signals,
    async () => {
      signals.emit(signal);
      await new Promise(setImmediate);
      steps.push("ended");
    },
    { done, onSignal: () => steps.push("signal") },
  );
  await expect(held).rejects.toMatchObject({ message: `interrupted by ${signal}; all is done`, exitCode });
  expect(steps).toEqual(["signal", "ended"]);
  expect(signals.eventNames()).toEqual([]);
});

test("of nested steps the outermost one ends the process", async () => {
  const signals = new EventEmitter();
  const steps: string[] = [];
  const inner = () =>
    holdSignals(signals, async () => steps.push("inner"), { done: "a part", onSignal: () => steps.push("signal") });
  const outer = holdSignals(
    signals,
    async () => {
      signals.emit("SIGHUP");
      await inner();
      steps.push("outer");
    },
    { done },
  );
  await expect(outer).rejects.toMatchObject({ message: "interrupted by SIGHUP; all is done", exitCode: 129 });
  expect(steps).toEqual(["signal", "inner", "outer"]);
});

test("the error of a step is not hidden by a signal", async () => {
  const signals = new EventEmitter();
  const failing = async () => {
    signals.emit("SIGTERM");
    throw new Error("broken");
  };
  await expect(holdSignals(signals, failing, { done })).rejects.toThrow("broken");
  expect(await holdSignals(signals, async () => "the next step", { done })).toBe("the next step");
});
