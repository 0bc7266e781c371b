import type { Stats } from "node:fs";

/**
 * A config directory that users other than root can change, open for as long as this process lives. Only root has one.
 *
 * Such a user can put a symbolic link in the place of any file or directory at any moment, so root never uses a path
 * there as it stands: each step starts at the open directory and enters no link.
 */
export interface Anchor {
  /** Path of the config directory, links resolved. */
  readonly path: string;
  /** User and group of the config directory: whatever root makes in it is given to them. */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Current attributes of the open directory. */
  stats(): Promise<Stats>;
  /** Does `act` at a path that means the same place, whose last name alone is still looked up. Errors name the user's path. */
  at<T>(path: string, act: (safePath: string) => Promise<T>): Promise<T>;
  /** As `fs.open`; a new file is the owner's, and a file that was there is changed only if it has no second name. */
  open(path: string, flags: number, mode?: number): Promise<number>;
  /** Opens a file whose times are to be changed. */
  openToTouch(path: string): Promise<number>;
  /** As `fs.mkdir`; the new directory is the owner's. */
  makeDirectory(path: string, mode: number): Promise<void>;
}

let anchors: readonly Anchor[] = [];

/** The anchor that a path is to be reached from; `undefined` where the path is safe as it stands. */
export function anchorOf(path: string): Anchor | undefined {
  for (const anchor of anchors) {
    if (path === anchor.path || path.startsWith(`${anchor.path}/`)) return anchor;
  }
  return undefined;
}

export function addAnchor(anchor: Anchor): void {
  anchors = [anchor, ...anchors.filter(({ path }) => path !== anchor.path)];
}

/** For a process that is no longer root: the kernel checks each of its steps. */
export function dropAnchors(): void {
  anchors = [];
}
