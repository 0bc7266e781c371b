import { describe } from "vitest";
import { crashFacts } from "./crash.ts";
import { findPipelineWise, WITHOUT_PIPELINEWISE } from "./real.ts";

const program = findPipelineWise();

describe.skipIf(program === undefined)(
  program === undefined ? WITHOUT_PIPELINEWISE : `our program with ${program}, when something dies`,
  () => crashFacts(program ?? ""),
);
