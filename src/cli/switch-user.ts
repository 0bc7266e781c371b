import { closeSync, readdirSync, readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { errorCode, errorMessage, StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import { SCHEDULERS } from "../schedulers/registry.ts";
import { anchorOf, dropAnchors } from "../storage/anchor.ts";
import { resolveConfigDir } from "../storage/config-dir.ts";

/** A user of the system; `name` is missing if only the number is known. */
interface Login {
  readonly uid: number;
  readonly gid: number;
  readonly name: string | undefined;
  readonly home: string | undefined;
}

/** The environment variables that are passed on to the owner. Any other may contain a secret of root. */
const KEPT = /^(?:PATH|TERM|TZ|LANG|LANGUAGE|LC_[A-Z]+|PIPELINEWISE_[A-Z_]+)$/;

/**
 * Node 20.3 to 20.11.0 and 21.0 to 21.6.1 let io_uring, which keeps root's rights, do file operations (CVE-2024-22017).
 */
const KEEPS_ROOTS_RIGHTS = /^v(?:20\.(?:[3-9]\.|10\.|11\.0$)|21\.(?:[0-5]\.|6\.[01]$))/;

function assertSafeNode({ env }: Host): void {
  const ring = env["UV_USE_IO_URING"] ?? (KEEPS_ROOTS_RIGHTS.test(process.version) ? "1" : "0");
  if (ring === "0") return;
  throw new Error(
    `Node ${process.version} performs file operations through io_uring, which keeps root's rights; update Node, or set UV_USE_IO_URING=0`,
  );
}

/** The login of a user id. libuv reads the effective user's, so the effective user is changed temporarily. */
function findLogin(uid: number, gid: number): Login {
  process.seteuid?.(uid);
  try {
    const { gid: primary, username, homedir } = userInfo();
    return { uid, gid: primary, name: username, home: homedir };
  } catch (error) {
    if (errorCode(error) !== "ERR_SYSTEM_ERROR") throw error;
    return { uid, gid, name: undefined, home: undefined };
  } finally {
    process.seteuid?.(0);
  }
}

/** @types/node does not declare initgroups(3). */
const self: NodeJS.Process & { initgroups?(user: string, extraGroup: number): void } = process;

/** O_CLOEXEC in fdinfo, see proc_pid_fdinfo(5). */
const CLOSED_IN_CHILDREN = 0o2_000_000;

/** Closes the descriptors that this process has inherited: programs of the new user would inherit them in turn. */
function closeInherited(): void {
  for (const name of readdirSync("/proc/self/fdinfo")) {
    const fd = Number(name);
    if (fd <= 2) continue;
    try {
      const [, flags = "0"] = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8")) ?? [];
      if ((Number.parseInt(flags, 8) & CLOSED_IN_CHILDREN) === 0) closeSync(fd);
    } catch (error) {
      // It was the descriptor of the listing itself.
      if (errorCode(error) !== "ENOENT" && errorCode(error) !== "EBADF") throw error;
    }
  }
}

/** Becomes a user for good: user, group and supplementary groups. */
function become({ uid, gid, name }: Login): void {
  closeInherited();
  if (name === undefined) process.setgroups?.([gid]);
  else self.initgroups?.(name, gid);
  process.setgid?.(gid);
  process.setuid?.(uid);
  try {
    process.setuid?.(0);
  } catch {
    return;
  }
  throw new Error("the process can become root again");
}

function environmentOf({ name, home }: Login, env: Host["env"]): Host["env"] {
  const kept = Object.entries(env).filter(([variable]) => KEPT.test(variable));
  return {
    ...Object.fromEntries(kept),
    ...(home === undefined ? {} : { HOME: home }),
    ...(name === undefined ? {} : { USER: name, LOGNAME: name }),
  };
}

/** Loads the modules that these commands load late, because the owner may not be able to read this program. */
const loadAll = () =>
  Promise.all([
    import("../history/read.ts"),
    import("../lock/inspect.ts"),
    import("../installed/former-host.ts"),
    import("../lock/acquire.ts"),
    import("../lock/lock-file.ts"),
    import("../run/containers/find.ts"),
    import("../run/containers/installed.ts"),
    import("../run/wrapper-log/log-writer.ts"),
    import("../cron/zone-clock.ts"),
    ...SCHEDULERS.map(({ load }) => load()),
  ]);

/**
 * The config directory for a command that reads or controls runs. Root permanently becomes the owner of the directory
 * first, so links and files that the owner placed there give no access beyond the owner's own.
 *
 * @param flag `--config-dir`
 */
export async function actAsOwner(
  host: Host,
  flag: string | undefined,
): Promise<{ readonly host: Host; readonly configDir: string }> {
  const configDir = await resolveConfigDir(host, { flag });
  const owner = host.uid === 0 ? anchorOf(configDir)?.owner : undefined;
  if (owner === undefined || owner.uid === 0) return { host, configDir };
  await loadAll();
  try {
    assertSafeNode(host);
    const login = findLogin(owner.uid, owner.gid);
    become(login);
    dropAnchors();
    return { host: { ...host, uid: login.uid, env: environmentOf(login, host.env) }, configDir };
  } catch (error) {
    throw new StoreError(`root cannot become user ${owner.uid}, who owns ${configDir}: ${errorMessage(error)}`, {
      cause: error,
      hint: `Run this as that user: setpriv --reuid=${owner.uid} --regid=${owner.gid} --clear-groups pipelinewise-sched …`,
    });
  }
}
