import { errorCode, errorMessage, StoreError } from "../errors.ts";

const REASONS: Readonly<Record<string, { readonly why: string; readonly hint?: string }>> = {
  ENOENT: { why: "it does not exist" },
  ENOTDIR: { why: "a part of the path is not a directory" },
  EISDIR: { why: "it is a directory" },
  EACCES: { why: "permission denied", hint: "Check its owner and mode, and those of its parent directories." },
  EPERM: { why: "operation not permitted", hint: "Check its owner and mode, and those of its parent directories." },
  EROFS: { why: "the file system is read-only" },
  ENOSPC: { why: "the disk is full", hint: "Free some space, then try again." },
  EDQUOT: { why: "the disk quota is used up", hint: "Free some space, then try again." },
  ELOOP: { why: "it is a symbolic link, or links run in a circle" },
  EMFILE: { why: "too many open files" },
  EIO: { why: "the disk or the network file system reports an input/output error" },
  ESTALE: {
    why: "the network file system no longer has this file (ESTALE)",
    hint: "Mount the network file system again.",
  },
};

/** Node has no name for some codes of network file systems and shows their number only. */
const NAMES_BY_ERRNO: Readonly<Record<number, string>> = { [-116]: "ESTALE", [-122]: "EDQUOT" };

/** `errorCode`, also for the codes that Node shows as a number only. */
export function systemCode(error: unknown): string | undefined {
  const known = error instanceof Error && "errno" in error && typeof error.errno === "number" ? error.errno : undefined;
  return (known === undefined ? undefined : NAMES_BY_ERRNO[known]) ?? errorCode(error);
}

/**
 * A system error as a person reads it: `cannot write /x/y.json: the disk is full`.
 *
 * @param doing what we were about, such as "write"
 * @param otherwise the hint, if the reason has none of its own
 */
export function ioError(doing: string, path: string, error: unknown, otherwise?: string): StoreError {
  if (error instanceof StoreError) return error; // It has said so itself.
  const reason = REASONS[systemCode(error) ?? ""];
  const hint = reason?.hint ?? otherwise;
  return new StoreError(`cannot ${doing} ${path}: ${reason?.why ?? errorMessage(error)}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** A write fails with one of these codes before it has replaced anything. */
const FULL: readonly (string | undefined)[] = ["ENOSPC", "EDQUOT"];

/** `ioError` of a write that replaces the whole file or nothing. */
export function replaceError(path: string, error: unknown): StoreError {
  const fault = ioError("write", path, error);
  if (fault.hint === undefined || !FULL.includes(systemCode(error))) return fault;
  return new StoreError(fault.message, { cause: error, hint: `${fault.hint} The file is unchanged.` });
}
