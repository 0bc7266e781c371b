import { resolve } from "node:path";
import { describe } from "vitest";
import { holdToContract } from "../pipelinewise/contract.ts";

describe("the stand-in, not PipelineWise", () => holdToContract(resolve("examples/stand-in/pipelinewise")));
