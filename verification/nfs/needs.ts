import { readdirSync } from "node:fs";
import { join } from "node:path";
import { hasProgram } from "../rig/needs.ts";

const PROGRAMS: Readonly<Record<string, string>> = {
  "linux.uml": "user-mode-linux",
  uml_switch: "uml-utilities",
  uml_mconsole: "uml-utilities",
  "rpc.nfsd": "nfs-kernel-server",
  "mount.nfs": "nfs-common",
  modprobe: "kmod",
  "mkfs.ext4": "e2fsprogs",
  ip: "iproute2",
  setpriv: "util-linux",
};

const MODULES = "/usr/lib/uml/modules";

/** Debian packages that the laboratory lacks here. Nothing of them runs but in its guests. */
export const laboratoryPackages = (): readonly string[] => [
  ...new Set(Object.entries(PROGRAMS).flatMap(([program, name]) => (hasProgram(program) ? [] : [name]))),
];

/** Why there can be no laboratory here, as one sentence; `undefined` when there can. */
export function noLaboratory(): string | undefined {
  const lacking = laboratoryPackages();
  if (lacking.length === 0) return undefined;
  return `no laboratory of guest machines here (on Debian, amd64: apt-get install ${lacking.join(" ")})`;
}

/** Directory of the guests' kernel modules. */
export function modulesDirectory(): string {
  const [version] = readdirSync(MODULES);
  if (version === undefined) throw new Error(`${MODULES} is empty`);
  return join(MODULES, version);
}
