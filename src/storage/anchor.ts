import type { Stats } from "node:fs";

/**
 * A config directory that users other than root can change. Root keeps it open until this process ends.
 *
 * Such a user can replace any file or directory with a symbolic link at any moment. So root never uses a path there
 * directly: each step starts at the open directory and follows no link.
 */
export interface Anchor {
  /** Path of the config directory, links resolved. */
  readonly path: string;
  /** User and group of the config directory. They become the owners of everything that root creates in it. */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Current attributes of the open directory. */
  stats(): Promise<Stats>;
  /**
   * Runs `act` with a path for the same file, of which the kernel looks up only the last name. Errors name the user's
   * path.
   */
  at<T>(path: string, act: (safePath: string) => Promise<T>): Promise<T>;
  /** Like `fs.open`. The owner gets a new file; an existing file is only changed if it has no second name. */
  open(path: string, flags: number, mode?: number): Promise<number>;
  /** Opens a file whose times are to be changed. */
  openToTouch(path: string): Promise<number>;
  /** Like `fs.mkdir`. The owner gets the new directory. */
  makeDirectory(path: string, mode: number): Promise<void>;
}

let anchors: readonly Anchor[] = [];

/** Finds the anchor of a path; `undefined` if the path is safe to use directly. */
export function anchorOf(path: string): Anchor | undefined {
  for (const anchor of anchors) {
    if (path === anchor.path || path.startsWith(`${anchor.path}/`)) return anchor;
  }
  return undefined;
}

export function addAnchor(anchor: Anchor): void {
  anchors = [anchor, ...anchors.filter(({ path }) => path !== anchor.path)];
}

/** Removes all anchors. A process that is no longer root needs none, because the kernel checks each of its steps. */
export function dropAnchors(): void {
  anchors = [];
}
