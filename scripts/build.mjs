// Builds dist/: one build with three entry points, `run` and `tend` for schedulers and `main` for everything else, and the
// licences of the packages that are bundled. docs/adr/0001-bundle.md says why there is a bundle at all.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const dist = join(root, "dist");
/** The build is made beside dist/ and then renamed: a start during the build finds the old program whole. */
const fresh = `${dist}.${process.pid}`;

/** Stands in for a module that a package loads and that this program never uses. */
const withoutUnused = {
  name: "without-unused",
  resolveId(source, importer = "") {
    // commander starts subcommands that are programs of their own; we have none.
    if (source === "node:child_process" && importer.includes("/node_modules/commander/")) return "\0empty";
    // proper-lockfile releases its locks at exit through it; ours belong to the pipeline (src/lock/lock-file.ts).
    if (source === "signal-exit" && importer.includes("/node_modules/proper-lockfile/")) return "\0empty-function";
    return null;
  },
  load: (id) => ({ "\0empty": "module.exports = {};", "\0empty-function": "module.exports = () => {};" })[id] ?? null,
};

const EXPORT = /Object\.defineProperty\(exports,"(\w+)",\{enumerable:!0,get:function\(\)\{return ([\w$]+)\}\}\)/g;

/**
 * Defines the exports of each chunk with one function. The two hundred of the start chunk, written out, are a tenth of
 * what a start reads. They are the end of a chunk, so its source map stays right.
 */
const withShortExports = {
  name: "short-exports",
  generateBundle(_options, bundle) {
    const define = "function __export(name,get){Object.defineProperty(exports,name,{enumerable:!0,get})}";
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== "chunk") continue;
      const [code, comment] = chunk.code.split(/(?=\n\/\/# sourceMappingURL=\S+$)/);
      const short = code.replace(EXPORT, '__export("$1",()=>$2)');
      if (short !== code) chunk.code = `${short}${define}${comment}`;
    }
  },
};

const build = await rolldown({
  input: Object.fromEntries(["run", "tend", "main"].map((name) => [name, join(root, `src/cli/entry/${name}.ts`)])),
  platform: "node",
  resolve: {
    alias: {
      // proper-lockfile asks for graceful-fs only to have a default `fs`; ours is always given (src/lock/lock-file.ts).
      "graceful-fs": "node:fs",
      // As ES modules, so that only the reading half of the package is bundled.
      yaml: join(root, "node_modules/yaml/browser/dist/index.js"),
    },
  },
  plugins: [withoutUnused, withShortExports],
  transform: { target: "node20", define: { PROGRAM_VERSION: JSON.stringify(version) } },
  treeshake: { moduleSideEffects: false },
});
const { output } = await build.write({
  dir: fresh,
  format: "cjs",
  entryFileNames: "[name].cjs",
  chunkFileNames: "chunks/[name]-[hash].cjs",
  sourcemap: true,
  minify: { mangle: false },
  // Node loads one large file sooner than many small ones, so what a scheduled start always needs is one chunk, and what
  // it needs once it holds the lock is another.
  codeSplitting: {
    groups: [
      { name: "start", test: /src\/cli\/(entry\/entry|run-command)\.ts$/, priority: 2 },
      { name: "work", test: /src\/(run\/execute|lock\/acquire|lock\/lock-file)\.ts$/, priority: 1 },
    ],
  },
  comments: { legal: false },
  dynamicImportInCjs: false,
});
await build.close();

/** Directory of the package that a module comes from; `undefined` for our own modules. */
const packageOf = (id) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0];

const bundled = new Set(output.flatMap(({ modules = {} }) => Object.keys(modules)).map(packageOf));
bundled.delete(undefined);
const licences = [...bundled].sort().map((directory) => {
  const { name, version: theirs, license } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${name} is bundled and has no licence file`);
  return `${name} ${theirs} (${license})\n\n${readFileSync(join(directory, file), "utf8").trim()}\n`;
});
mkdirSync(fresh, { recursive: true });
writeFileSync(
  join(root, "THIRD-PARTY-LICENSES.txt"),
  `This program contains these packages:\n\n${licences.join(`\n${"-".repeat(80)}\n\n`)}`,
);

const old = `${fresh}.old`;
try {
  renameSync(dist, old);
} catch (error) {
  if (error.code !== "ENOENT") throw error;
}
renameSync(fresh, dist);
rmSync(old, { recursive: true, force: true });
