import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createWriteStream, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CronicleCall, cronicleApi } from "../../src/schedulers/cronicle/client.ts";
import { sendSignal } from "../../test/support/processes.ts";
import { ended, runWell, SYSTEM_PATH } from "../../test/support/run-program.ts";
import { waitFor } from "../../test/support/wait.ts";
import { FAKETIME, removeFaketimeLeftovers } from "../rig/faketime.ts";
import type { InstalledCronicle } from "./installed.ts";

/** A Cronicle of its own on loopback, with nothing outside its directory. */
export interface PrivateCronicle {
  readonly url: string;
  /** Of an administrator. */
  readonly key: string;
  readonly directory: string;
  readonly call: CronicleCall;
  /** Lets its scheduler run all that events would have started since then, and enables them. */
  readonly runSince: (ids: readonly string[], from: Date) => Promise<void>;
  /** Ends the server and all that its jobs started; removes the directory. */
  readonly stop: () => Promise<void>;
}

export interface CronicleOptions {
  /** Time of its clock at the start; the real time by default. */
  readonly now?: Date;
  /** Environment of its jobs. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Sets a private Cronicle up from an installed one, and waits until it serves. */
export async function startCronicle(
  { home, node }: InstalledCronicle,
  { now, env = {} }: CronicleOptions = {},
): Promise<PrivateCronicle> {
  const directory = mkdtempSync(join(tmpdir(), "pws-cronicle-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const key = randomBytes(16).toString("hex");
  const settings = { PATH: SYSTEM_PATH, ...env, ...environment(directory, port) };
  const run = (script: string, ...args: readonly string[]): Promise<string> =>
    runWell([node, join(home, script), ...args], { env: settings, cwd: home });
  await run("bin/storage-cli.js", "setup");
  await storeKey({ home, node }, settings, key);

  const main = [node, join(home, "lib/main.js")];
  const shift = now === undefined ? undefined : Math.round((now.getTime() - Date.now()) / 1000);
  const [program = "", ...args] = shift === undefined ? main : [FAKETIME, "-m", "-f", `${shift}s`, ...main];
  if (shift !== undefined) removeFaketimeLeftovers();
  const child = spawn(program, args, { env: settings, cwd: home, stdio: ["ignore", "pipe", "pipe"] });
  const log = createWriteStream(join(directory, "output.log"));
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const end = ended(child);
  end.catch(() => {});

  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    // It waits for its jobs, 10 s at most each.
    const isGone = await waitFor("the end of Cronicle", 30_000, () =>
      child.exitCode !== null || child.signalCode !== null ? true : undefined,
    ).catch(() => false);
    if (!isGone) child.kill("SIGKILL");
    await endLeftovers(directory);
    log.end();
    rmSync(directory, { recursive: true, force: true });
  };
  const call = cronicleApi({ urls: [url], key }, { tell: () => {} });
  const clock = (): number => Date.now() + (shift ?? 0) * 1000;
  try {
    await waitFor("Cronicle to be its own primary", 60_000, async () => {
      if (child.exitCode !== null)
        throw new Error(`Cronicle ended:\n${readFileSync(join(directory, "output.log"), "utf8")}`);
      return call("get_master_state", {}).catch(() => undefined);
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, key, directory, call, stop, runSince: (ids, from) => runSince(call, ids, from, clock) };
}

/** Any key of its configuration can come from the environment: nothing is written into the installation. */
function environment(directory: string, port: number): Readonly<Record<string, string>> {
  return {
    TZ: "UTC",
    HOME: directory,
    TMPDIR: directory,
    HOSTNAME: "cronicle.test",
    CRONICLE_hostname: "cronicle.test",
    CRONICLE_ip: "127.0.0.1",
    // At once, without an election. Never on two servers.
    CRONICLE_master: "1",
    CRONICLE_foreground: "1",
    CRONICLE_WebServer__http_bind_address: "127.0.0.1",
    CRONICLE_WebServer__http_port: String(port),
    CRONICLE_base_app_url: `http://127.0.0.1:${port}`,
    // Its search for others listens on every address.
    CRONICLE_udp_broadcast_port: "0",
    CRONICLE_scheduler_startup_grace: "0",
    CRONICLE_log_dir: join(directory, "logs"),
    CRONICLE_queue_dir: join(directory, "queue"),
    CRONICLE_pid_file: join(directory, "cronicled.pid"),
    CRONICLE_Storage__Filesystem__base_dir: join(directory, "data"),
  };
}

/** A key for a server that does not run yet: by its own import. */
async function storeKey(
  { home, node }: Pick<InstalledCronicle, "home" | "node">,
  env: Readonly<Record<string, string>>,
  key: string,
): Promise<void> {
  const item = { id: "k1", title: "test", key, active: 1, privileges: { admin: 1 }, username: "admin" };
  const records = [
    ["global/api_keys", { page_size: 50, first_page: 0, last_page: 0, length: 1, type: "list" }],
    ["global/api_keys/0", { type: "list_page", items: [{ ...item, created: 1, modified: 1 }] }],
  ].map(([name, value]) => `${name} - ${JSON.stringify(value)}\n`);
  const child = spawn(node, [join(home, "bin/storage-cli.js"), "import"], {
    env,
    cwd: home,
    stdio: ["pipe", "ignore", "ignore"],
  });
  child.stdin.end(records.join(""));
  const { code } = await ended(child);
  if (code !== 0) throw new Error(`Cronicle's import ended with ${code}`);
}

async function runSince(call: CronicleCall, ids: readonly string[], from: Date, clock: () => number): Promise<void> {
  const upTo = Math.floor(clock() / 60_000) * 60 - 60;
  // One after the other, as the clock would have it.
  for (const id of ids) await call("update_event", { id, enabled: 0, catch_up: 1, max_children: 1 });
  for (const id of ids) await call("update_event", { id, enabled: 1, reset_cursor: from.getTime() / 1000 });
  await waitFor("Cronicle to have caught up", 300_000, async () => {
    const { state } = await call("get_master_state", {});
    const { cursors }: { cursors?: Readonly<Record<string, number>> } = Object(state);
    const behind = ids.filter((id) => (cursors?.[id] ?? 0) < upTo);
    // It looks for more to do whenever a job ends, an event is enabled, or a minute begins.
    for (const id of behind.slice(0, 1)) await call("update_event", { id, enabled: 1 });
    const { jobs } = await call("get_active_jobs", {});
    return behind.length === 0 && Object.keys(Object(jobs)).length === 0 ? true : undefined;
  });
  for (const id of ids) await call("update_event", { id, catch_up: 0, max_children: 10 });
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      // A listening server has an address of this kind.
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

/** Processes that jobs left: they inherit the server's environment, which contains its directory. */
async function endLeftovers(directory: string): Promise<void> {
  const mark = `CRONICLE_queue_dir=${join(directory, "queue")}`;
  const find = (): readonly number[] =>
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => pid !== process.pid && environmentOf(pid).includes(mark));
  await waitFor("the end of what Cronicle's jobs left", 10_000, () => {
    const left = find();
    for (const pid of left) sendSignal(pid, "SIGKILL");
    return left.length === 0 ? true : undefined;
  });
}

function environmentOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return [];
  }
}
