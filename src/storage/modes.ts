import type { Stats } from "node:fs";

/** Permission bits, as `stat` returns them in `mode`. */
export const WRITABLE_BY_OTHERS = 0o022;
export const READABLE_BY_OTHERS = 0o077;
const STICKY = 0o1000;

/** Whether users other than root can replace the entries of this directory. */
export const othersCanReplaceEntries = ({ uid, mode }: Stats): boolean =>
  uid !== 0 || ((mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0);

/** The permission bits as people write them, such as `755`. */
export const renderMode = (mode: number): string => (mode & 0o7777).toString(8);
