import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const VERSIONS = "/usr/lib/postgresql";
const USER = "pws";
const PASSWORD = "only-for-this-test";

/** Directory of PostgreSQL's server programs; `undefined` if there is no server. */
export function findPostgres(): string | undefined {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort((one, other) => Number(other) - Number(one)) : [];
  return versions.map((version) => join(VERSIONS, version, "bin")).find((bin) => existsSync(join(bin, "initdb")));
}

/** A PostgreSQL of its own: private directory, loopback only, a free port. It refuses to run as root, so root lends it a user. */
export class Postgres {
  readonly user = USER;
  readonly password = PASSWORD;
  readonly port: number;
  readonly #bin: string;
  readonly #directory: string;
  readonly #serve: () => ChildProcess;
  #server: ChildProcess;

  private constructor(bin: string, directory: string, port: number, serve: () => ChildProcess) {
    this.#bin = bin;
    this.#directory = directory;
    this.port = port;
    this.#serve = serve;
    this.#server = serve();
  }

  static async start(bin: string): Promise<Postgres> {
    const directory = mkdtempSync(join(tmpdir(), "pws-postgres-"));
    const as = ordinaryUser(directory);
    const passwords = join(directory, "password");
    writeFileSync(passwords, PASSWORD);
    const data = join(directory, "data");
    const auth = [`--username=${USER}`, `--pwfile=${passwords}`, "--auth=scram-sha-256"];
    execFileSync(join(bin, "initdb"), ["--no-sync", "--encoding=UTF8", ...auth, data], { ...as, stdio: "ignore" });
    const port = await freePort();
    const settings = [
      `port=${port}`,
      "listen_addresses=127.0.0.1",
      `unix_socket_directories=${directory}`,
      "fsync=off",
    ];
    const words = ["-D", data, ...settings.flatMap((setting) => ["-c", setting])];
    const serve = () => spawn(join(bin, "postgres"), words, { ...as, stdio: "ignore" });
    const postgres = new Postgres(bin, directory, port, serve);
    await postgres.#untilItAnswers();
    return postgres;
  }

  /** Ends all sessions, then stops the server and starts it again. */
  async restart(): Promise<void> {
    const ended = once(this.#server, "exit");
    this.#server.kill("SIGINT");
    await ended;
    this.#server = this.#serve();
    await this.#untilItAnswers();
  }

  async #untilItAnswers(): Promise<void> {
    for (const deadline = Date.now() + 60_000; !this.#answers(); await wait(50)) {
      if (Date.now() > deadline || this.#server.exitCode !== null) throw new Error("PostgreSQL did not come up");
    }
  }

  async stop(): Promise<void> {
    const ended = once(this.#server, "exit");
    this.#server.kill("SIGQUIT");
    if (this.#server.exitCode === null) await ended;
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Rows as psql prints them without alignment; throws psql's error message. */
  query(database: string, sql: string): string {
    const words = [...this.#to(database), "-Atqc", sql];
    return execFileSync(join(this.#bin, "psql"), words, { env: this.#env(), encoding: "utf8", stdio: "pipe" }).trim();
  }

  /** Holds a table so that whoever reads it waits. @returns lets it go */
  holdTable = (database: string, table: string): Promise<() => Promise<void>> =>
    this.hold(database, `LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);

  /** Holds the lock that a statement takes. @returns a function that releases it */
  async hold(database: string, statement: string): Promise<() => Promise<void>> {
    const words = [...this.#to(database), "-Atq"];
    const holder = spawn(join(this.#bin, "psql"), words, { env: this.#env(), stdio: ["pipe", "pipe", "inherit"] });
    holder.stdin.write(`BEGIN; ${statement}; SELECT 'held';\n`);
    await once(holder.stdout, "data");
    return async () => {
      const ended = once(holder, "exit");
      holder.stdin.end();
      await ended;
    };
  }

  #to = (database: string): string[] => ["-h", "127.0.0.1", "-p", String(this.port), "-U", USER, "-d", database];
  /** The environment without the variables with which somebody's own psql reaches another server. */
  #env = (): NodeJS.ProcessEnv => ({
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("PG"))),
    PGPASSWORD: PASSWORD,
  });

  #answers(): boolean {
    try {
      return this.query("postgres", "SELECT 1") === "1";
    } catch {
      return false;
    }
  }
}

/** Whom the server runs as; the directory becomes theirs. */
function ordinaryUser(directory: string): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (option: string) => Number(execFileSync("id", [option, "postgres"], { encoding: "utf8" }));
  const [uid, gid] = [id("-u"), id("-g")];
  chownSync(directory, uid, gid);
  return { uid, gid };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}
