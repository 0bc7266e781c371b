import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import { tempDirectory } from "../support/host.ts";
import { until } from "../support/wait.ts";
import type { Dialect } from "./dialect.ts";
import { type Ended, type Started, Starter } from "./processes.ts";

const CONNECTORS = resolve("examples/stand-in/connectors");
const SCHEMA = { properties: { id: { type: ["null", "integer"] } } };
const OURS = resolve("bin/pipelinewise-sched.cjs");

/** Instructions for the stand-in's connectors, see `examples/stand-in/README.md`. */
export interface Behaviour {
  readonly seconds?: number;
  readonly rows?: number;
  readonly exit?: number;
  readonly kill?: boolean;
  readonly hang?: boolean;
  readonly ignore_term?: boolean;
  readonly lines?: readonly string[];
  /** Data-diff checks of the tap, by name. */
  readonly checks?: Readonly<Record<string, { readonly seconds?: number; readonly mismatch?: boolean }>>;
}

/** Connector types of a pipeline; they decide which copies PipelineWise can make without Singer. */
interface Types {
  readonly tap?: string;
  readonly target?: string;
}

export type NewSandbox = (behaviour?: Behaviour, types?: Types) => Sandbox;

/**
 * One config directory with the pipeline orders → dwh and the connectors of the stand-in, whichever PipelineWise drives
 * them: so the same tap takes long, fails or hangs under the real one. What is left running ends with the test.
 */
export class Sandbox {
  readonly directory = tempDirectory("pws-pipelinewise-");
  readonly config = join(this.directory, "config");
  readonly home = join(this.directory, "home");
  readonly tapDirectory = join(this.config, "dwh", "orders");
  readonly pidfile = join(this.tapDirectory, "pipelinewise.pid");
  readonly program: string;
  readonly #options: Types & { readonly dialect?: Dialect };
  readonly #starter = new Starter(this.directory);

  /** @param options.dialect what a stand-in is to speak; a real PipelineWise does not look at it */
  constructor(program: string, behaviour: Behaviour = {}, options: Types & { readonly dialect?: Dialect } = {}) {
    this.program = program;
    this.#options = options;
    linkConnectors(this.home);
    mkdirSync(this.config);
    this.addTap("orders", behaviour);
    onTestFinished(() => this.killAll());
  }

  /** A further tap of the same target, as `import` would have written it; its one table has a bookmark. */
  addTap(id: string, behaviour: Behaviour = {}): void {
    const directory = join(this.config, "dwh", id);
    mkdirSync(directory, { recursive: true });
    const table = { selected: true, "replication-method": "INCREMENTAL", "replication-key": "id" };
    const metadata = [{ breadcrumb: [], metadata: { ...table, "table-key-properties": ["id"] } }];
    const stream = { tap_stream_id: "public-orders", table_name: "orders", stream: "orders", schema: SCHEMA, metadata };
    const selected = { tap_stream_id: "public-orders", replication_method: "INCREMENTAL", replication_key: "id" };
    writeJson(join(this.config, "dwh", "config.json"), { password: "s3cret" });
    writeJson(join(directory, "config.json"), { stand_in: behaviour });
    writeJson(join(directory, "properties.json"), { streams: [stream] });
    writeJson(join(directory, "selection.json"), { selection: [selected] });
    writeJson(join(directory, "transformation.json"), { transformations: [] });
    writeJson(join(directory, "inheritable_config.json"), { tap_id: id });
    writeJson(join(directory, "state.json"), { bookmarks: { "public-orders": { replication_key_value: 100 } } });
    this.#writeMain([
      ...this.#taps(),
      { id, name: `The ${id} tap`, type: this.#options.tap ?? "tap-postgres", enabled: true },
    ]);
  }

  disable(id: string): void {
    this.#writeMain(this.#taps().map((tap) => (tap.id === id ? { ...tap, enabled: false } : tap)));
  }

  /** As with a PIPELINEWISE_HOME that is somewhere else. */
  removeConnectors(): void {
    rmSync(this.home, { recursive: true });
  }

  /** Tells a tap how to behave at its next start. */
  tell(behaviour: Behaviour, id = "orders"): void {
    writeJson(join(this.config, "dwh", id, "config.json"), { stand_in: behaviour });
  }

  async run(...words: readonly string[]): Promise<Ended> {
    return await this.start(words).ended;
  }

  runTap = (id = "orders"): Promise<Ended> => this.run("run_tap", "--tap", id, "--target", "dwh");

  start(words: readonly string[], options: { stdin?: number } = {}): Started {
    return this.#starter.start(this.program, words, { ...options, env: this.#env() });
  }

  /** Starts our program, with this PipelineWise first on its PATH. @param through a command that starts it */
  startOurs(words: readonly string[], through: readonly string[] = []): Started {
    const env = { ...this.#env(), PATH: `${dirname(this.program)}:${this.#env().PATH}` };
    const [program = "", ...rest] = [...through, process.execPath, OURS, ...words];
    return this.#starter.start(program, rest, { env });
  }

  /** Starts orders → dwh and waits until its connectors run. @param options.command default: `run_tap` */
  async startBusy(options: { stdin?: number; command?: readonly string[] } = {}): Promise<Started> {
    const { command = ["run_tap"], ...rest } = options;
    const before = this.living();
    const started = this.start([...command, "--tap", "orders", "--target", "dwh"], rest);
    // PipelineWise, its shell, the tap and the target; a copy without Singer has one connector, and the shell becomes it.
    const processes = command[0] === "run_tap" ? 4 : 2;
    await until("the connectors work", () => {
      const fresh = this.living().filter((pid) => !before.includes(pid));
      return existsSync(this.pidfile) && this.logText(".running").includes("begins") && fresh.length >= processes;
    });
    return started;
  }

  #env(): Record<string, string> & { readonly PATH: string } {
    const { dialect } = this.#options;
    return {
      HOME: this.directory,
      PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
      PIPELINEWISE_HOME: this.home,
      PIPELINEWISE_CONFIG_DIRECTORY: this.config,
      ...(dialect === undefined ? {} : { STAND_IN_VERSION: dialect }),
    };
  }

  /** Names of the pipeline's logs without the stamp: `dwh-orders-….singer.log.success`. */
  logNames(id = "orders"): string[] {
    const directory = join(this.config, "dwh", id, "log");
    return existsSync(directory)
      ? readdirSync(directory)
          .sort()
          .map((name) => name.replace(/-\d{8}_\d{6}\./, "-<stamp>."))
      : [];
  }

  /** All logs of orders → dwh whose name ends so, one after the other. */
  logText(suffix: string): string {
    const directory = join(this.tapDirectory, "log");
    const names = existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith(suffix)) : [];
    return names.map((name) => readFileSync(join(directory, name), "utf8")).join("");
  }

  state = (): string => readFileSync(join(this.tapDirectory, "state.json"), "utf8");

  /** Living processes of this sandbox, whoever their parent is now. */
  living = (): readonly number[] => this.#starter.living();

  killAll = (): Promise<void> => this.#starter.killAll();

  #taps(): { id: string }[] {
    const file = join(this.config, "config.json");
    return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).targets[0].taps : [];
  }

  #writeMain(taps: readonly unknown[]): void {
    const type = this.#options.target ?? "target-postgres";
    const target = { id: "dwh", name: "The warehouse", type, status: "ready", taps };
    writeJson(join(this.config, "config.json"), { targets: [target] });
  }
}

/** Puts the stand-in's connectors where PipelineWise looks for real ones. */
function linkConnectors(home: string): void {
  const links = {
    "tap-postgres/bin/tap-postgres": join(CONNECTORS, "tap"),
    "tap-jira/bin/tap-jira": join(CONNECTORS, "tap"),
    "target-postgres/bin/target-postgres": join(CONNECTORS, "target"),
    "target-snowflake/bin/target-snowflake": join(CONNECTORS, "target"),
    "pipelinewise/bin/postgres-to-postgres": join(CONNECTORS, "fastsync"),
    "pipelinewise/bin/partial-postgres-to-snowflake": join(CONNECTORS, "fastsync"),
    "transform-field/bin/transform-field": "/bin/true",
  };
  for (const [place, program] of Object.entries(links)) {
    const path = join(home, ".virtualenvs", place);
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(program, path);
  }
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, JSON.stringify(value, undefined, 2));
}
