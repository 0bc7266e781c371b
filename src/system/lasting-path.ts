import { isAbsolute, join } from "node:path";
import { compareFiles } from "./compare-files.ts";

/** `22.1.0`, `v22`, `20261126`, and `node22`, `node@22`, `nodejs-22`. */
const VERSION = /\d\.\d|^v\d+$|^\d{2,}$|^node(?:js)?[-_@]?v?\d/i;

/** The part of a path that contains a version. An update of the program gives it another name. */
const versionIn = (path: string): string | undefined => path.split("/").find((part) => VERSION.test(part));

/** fnm's directory for the links of one shell, which end with it. */
const OF_ONE_SHELL = "/fnm_multishells/";

/**
 * The path by which a scheduler should call a program. A path with a version in it is replaced by a link without one on
 * the PATH that leads to the same file, as Homebrew, nvm's users, alternatives and npm make them.
 *
 * @param names of the program on the PATH
 */
export function lastingPath(
  path: string,
  names: readonly string[],
  { PATH }: { readonly PATH?: string | undefined },
): string {
  if (versionIn(path) === undefined) return path;
  const directories = (PATH ?? "").split(":").filter(isAbsolute);
  const links = directories.flatMap((directory) => names.map((name) => join(directory, name)));
  const lasts = (link: string) => versionIn(link) === undefined && !link.includes(OF_ONE_SHELL);
  return links.find((link) => lasts(link) && compareFiles(link, path) === "same") ?? path;
}

/** Warns about a path that an update may remove; empty for any other path. @param option that names another path */
export function lastingPathWarnings(
  path: string,
  what: string,
  option: string,
): readonly { readonly message: string; readonly hint: string }[] {
  const version = versionIn(path);
  if (version === undefined) return [];
  return [
    {
      message: `the path of ${what}, ${path}, contains a version (${version}): no run starts after an update that removes it`,
      hint: `Make a link to it whose path has no version, and name the link: install ${option} PATH`,
    },
  ];
}
