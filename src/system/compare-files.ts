import { type Stats, statSync } from "node:fs";
import { errorCode } from "../errors.ts";

/** `undefined` if the file does not exist; "unknown" if that cannot be determined. */
function lookAt(path: string): Stats | "unknown" | undefined {
  try {
    return statSync(path);
  } catch (error) {
    return errorCode(error) === "ENOENT" ? undefined : "unknown";
  }
}

/** Compares what two paths lead to. `gone`: the first path leads to no file. */
export function compareFiles(one: string, other: string): "same" | "different" | "gone" | "unknown" {
  const [first, second] = [lookAt(one), lookAt(other)];
  if (first === undefined) return "gone";
  if (first === "unknown" || second === "unknown" || second === undefined) return "unknown";
  return first.dev === second.dev && first.ino === second.ino ? "same" : "different";
}
