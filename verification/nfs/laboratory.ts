import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ended, runWell, SYSTEM_PATH } from "../../test/support/run-program.ts";
import { waitFor } from "../../test/support/wait.ts";
import { bootGuest, type Guest, killGroup } from "./guest.ts";

/** Mount point of the share on the clients. */
export const SHARE = "/share";

const SERVER_ADDRESS = "10.99.0.10";
/** The shortest that the kernel's NFS server takes, both for what a silent client had and for its own restart. */
export const SERVER_LEASE_SECONDS = 10;

/** Two hosts, and the file server whose share both have mounted; nothing of it touches this machine's network. */
export interface Laboratory {
  /** Seen by the guests under the same path. */
  readonly directory: string;
  readonly server: Guest;
  readonly clients: readonly [Guest, Guest];
  /** Boots a client whose power was cut. @returns it, in the place of the old one */
  reboot(client: Guest): Promise<Guest>;
  /** Power off and on; what was on its disk is there again. */
  restartServer(): Promise<void>;
  /** Ends everything and removes the directory. */
  stop(): Promise<void>;
}

/** Boots three kernels and mounts the share: about ten seconds. */
export async function startLaboratory(): Promise<Laboratory> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "pws-lab-")));
  const network = await startSwitch(join(directory, "switch"));
  const guests = new Map<string, Guest>();
  const stop = async (): Promise<void> => {
    await Promise.all([...guests.values()].map((guest) => guest.cutPower()));
    await network.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  const boot = async (name: string, address: string, changes: { memory: string; disk?: string }): Promise<Guest> => {
    const guest = await bootGuest({ name, address, directory, network: network.socket, ...changes });
    guests.set(name, guest);
    return guest;
  };
  const bootServer = async (): Promise<Guest> => {
    const server = await boot("server", SERVER_ADDRESS, { memory: "192M", disk: join(directory, "disk") });
    await server.run(serve);
    return server;
  };
  const bootClient = (name: string, last: number) => boot(name, `10.99.0.${last}`, { memory: "512M" });
  try {
    await makeDisk(join(directory, "disk"));
    const booted = await Promise.all([bootServer(), bootClient("etl-1", 11), bootClient("etl-2", 12)]);
    let [server] = booted;
    let clients: [Guest, Guest] = [booted[1], booted[2]];
    await Promise.all(clients.map((client) => client.run(mount)));
    return {
      directory,
      get server() {
        return server;
      },
      get clients() {
        return clients;
      },
      async reboot(client) {
        const again = await bootClient(client.name, Number(client.address.split(".").at(-1)));
        await again.run(mount);
        clients = clients[0].name === client.name ? [again, clients[1]] : [clients[0], again];
        return again;
      },
      async restartServer() {
        await server.cutPower();
        server = await bootServer();
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The server's state of its clients is on its disk, so that they can reclaim their locks after a restart. */
const serve = `
mkdir -p /disk && mount -o sync /dev/ubda /disk && mkdir -p /disk/export /disk/clients
mkdir -p /var/lib/nfs/rpc_pipefs /var/lib/nfs/nfsdcld && mount --bind /disk/clients /var/lib/nfs/nfsdcld
mount -t rpc_pipefs none /var/lib/nfs/rpc_pipefs && mount -t nfsd none /proc/fs/nfsd
mkdir -p /run/rpc_pipefs && mount --bind /var/lib/nfs/rpc_pipefs /run/rpc_pipefs
nfsdcld
exportfs -o rw,no_root_squash,no_subtree_check,fsid=0,insecure 10.99.0.0/24:/disk/export
rpc.mountd
rpc.nfsd -N 3 -G ${SERVER_LEASE_SECONDS} -L ${SERVER_LEASE_SECONDS} 8`;

const mount = `mkdir -p ${SHARE} && mount -t nfs4 -o vers=4.1,hard,timeo=600 ${SERVER_ADDRESS}:/ ${SHARE}`;

async function makeDisk(path: string): Promise<void> {
  await runWell(["truncate", "-s", "256M", path]);
  await runWell(["mkfs.ext4", "-qF", path]);
}

async function startSwitch(socket: string): Promise<{ socket: string; stop: () => Promise<void> }> {
  mkdirSync(join(socket, ".."), { recursive: true });
  const child: ChildProcess = spawn("setpriv", ["--pdeathsig", "KILL", "uml_switch", "-unix", socket], {
    stdio: ["ignore", "ignore", "ignore"],
    env: { PATH: SYSTEM_PATH },
    detached: true,
  });
  const gone = ended(child);
  await waitFor("the network", 10_000, () => existsSync(socket) || undefined);
  return {
    socket,
    async stop() {
      if (child.pid !== undefined) killGroup(child.pid);
      await gone;
    },
  };
}
