import { resolve } from "node:path";
import { describe } from "vitest";
import { crashFacts } from "../pipelinewise/crash.ts";

describe("our program with the stand-in, not PipelineWise, when something dies", () =>
  crashFacts(resolve("examples/stand-in/pipelinewise")));
