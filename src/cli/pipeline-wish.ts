import { connectorIdFault, type PipelineId } from "../command/request.ts";
import { UsageError } from "../errors.ts";

/** A pipeline as the words of a command name it. */
export interface PipelineWish {
  readonly tap?: string;
  readonly target?: string;
}

/** @param otherwise what else could be said, such as `or --all`; @throws UsageError */
export function pipelineWished({ tap, target }: PipelineWish, otherwise: string): PipelineId {
  if (tap === undefined || target === undefined) {
    const missing = tap === undefined ? (target === undefined ? "--tap and --target are" : "--tap is") : "--target is";
    throw new UsageError(`${missing} missing`, `Say which pipeline: --tap ID --target ID, ${otherwise}.`);
  }
  for (const [name, id] of [
    ["tap", tap],
    ["target", target],
  ] as const) {
    const fault = connectorIdFault(id);
    if (fault !== undefined) throw new UsageError(`--${name}: ${JSON.stringify(id)} ${fault}`);
  }
  return { tap, target };
}
