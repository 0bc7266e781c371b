import { type Command, Option } from "commander";
import { EXIT } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { listScheduleNames } from "../../installed/store.ts";
import { connectorIdError } from "../../pipeline-id.ts";
import { statePaths } from "../../storage/paths.ts";
import { listPipelines } from "../known-pipelines.ts";
import { actAsOwner } from "../switch-user.ts";
import { type Cursor, findCursor, optionsOf, type Position } from "./find-cursor.ts";
import { DIRECTORIES, FILES } from "./scripts.ts";

const candidate = (value: string, description: string): string => `${value}\t${description}`;

/**
 * Prints the candidates for the last of the arguments, for the scripts of `completion`. Prints nothing after an error,
 * because its message would garble the line that the user is typing.
 *
 * @param typed the arguments after `pipelinewise-sched`, up to the cursor
 * @param build makes the parser of a command line
 */
export async function complete(
  typed: readonly string[],
  build: (argv: readonly string[]) => Promise<Command>,
  host: Host,
): Promise<number> {
  try {
    const cursor = findCursor(await build(typed), typed);
    const lines = cursor === undefined ? [] : await findCandidates(cursor, host);
    host.stdout.write(lines.map((line) => `${line}\n`).join(""));
  } catch {
    // The user sees the error when the command itself is called.
  }
  return EXIT.ok;
}

async function findCandidates({ position, values }: Cursor, host: Host): Promise<readonly string[]> {
  if (position.kind === "value") {
    return (await findValues(position.of, values, host)).map((value) =>
      value === FILES || value === DIRECTORIES ? value : `${position.prefix}${value}`,
    );
  }
  const { of } = position;
  return position.kind === "command"
    ? of
        .createHelp()
        .visibleCommands(of)
        .map((one) => candidate(one.name(), one.description()))
    : optionsOf(of).map((option) => candidate(option.long ?? option.flags, option.description));
}

/** The values of an option or an argument; none if it accepts any text. */
async function findValues(
  of: Extract<Position, { readonly kind: "value" }>["of"],
  values: ReadonlyMap<string, string>,
  host: Host,
): Promise<readonly string[]> {
  if (of.argChoices !== undefined) return of.argChoices;
  if (!(of instanceof Option)) return of.name() === "file" ? [FILES] : [];
  switch (of.long) {
    case "--tap":
    case "--target":
      return findIds(of.long, values, host);
    case "--schedule":
    case "--name":
      return listScheduleNames(statePaths((await actAsOwner(host, values.get("--config-dir"))).configDir));
  }
  if (/<dir>/i.test(of.flags)) return [DIRECTORIES];
  return /<(?:file|path)>/i.test(of.flags) ? [FILES] : [];
}

/** The known taps or targets, each once, in order. If the other one is given, only those that belong to it. */
async function findIds(
  option: "--tap" | "--target",
  values: ReadonlyMap<string, string>,
  caller: Host,
): Promise<readonly string[]> {
  const { host, configDir } = await actAsOwner(caller, values.get("--config-dir"));
  const pipelines = await listPipelines(statePaths(configDir), host);
  const [tap, target] = [values.get("--tap"), values.get("--target")];
  const ids =
    option === "--tap"
      ? pipelines.filter((one) => target === undefined || one.target === target).map((one) => one.tap)
      : pipelines.filter((one) => tap === undefined || one.tap === tap).map((one) => one.target);
  // config.json may contain any text, and the shell would insert it into the command line.
  return [...new Set(ids)].filter((id) => connectorIdError(id) === undefined).sort();
}
