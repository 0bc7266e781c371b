import { describe } from "vitest";
import { holdToContract } from "./contract.ts";
import { findDialect, findPipelineWise, WITHOUT_PIPELINEWISE } from "./real.ts";

const program = findPipelineWise();

describe.skipIf(program === undefined)(program ?? WITHOUT_PIPELINEWISE, () => {
  if (program !== undefined) holdToContract(program, findDialect(program));
});
