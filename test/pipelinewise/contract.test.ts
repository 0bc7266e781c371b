import { describe } from "vitest";
import { holdToContract } from "./contract.ts";
import { findPipelineWise, WITHOUT_PIPELINEWISE } from "./real.ts";

const program = findPipelineWise();

describe.skipIf(program === undefined)(program ?? WITHOUT_PIPELINEWISE, () => holdToContract(program ?? ""));
