// Builds dist/: one bundle for each door of bin/pipelinewise-sched.cjs, and the licences of what is bundled.
// CommonJS, because it starts faster than ESM (README, "How fast it starts").
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const dist = join(root, "dist");

/** What a tick loads before it knows that there is something to do: our own small files, at most this many bytes. */
const SHORT_DOOR_LIMIT = 80_000;

/** commander starts subcommands that are programs of their own; we have none, and loading it takes a millisecond. */
const withoutSubprograms = {
  name: "without-subprograms",
  resolveId: (source, importer) =>
    source === "node:child_process" && importer?.includes("/node_modules/commander/") ? "\0no-subprograms" : null,
  load: (id) => (id === "\0no-subprograms" ? "module.exports = {};" : null),
};

/** proper-lockfile frees its locks at exit through it, which our adapter keeps it from (src/lock/library.ts). */
const withoutExitHook = {
  name: "without-exit-hook",
  resolveId: (source, importer) =>
    source === "signal-exit" && importer?.includes("/node_modules/proper-lockfile/") ? "\0no-exit-hook" : null,
  load: (id) => (id === "\0no-exit-hook" ? "module.exports = () => {};" : null),
};

/** The chunks of a door, not yet written. @param groups by name, modules that go into one chunk beside the door's own */
async function bundle(door, groups = {}) {
  const build = await rolldown({
    input: { [door]: join(root, `src/cli/doors/${door}.ts`) },
    platform: "node",
    resolve: {
      alias: {
        // proper-lockfile asks for graceful-fs only to have a default `fs`; ours is always given (src/lock/library.ts).
        "graceful-fs": "node:fs",
        // As ES modules, so that what writes YAML and what knows YAML 1.1 stays out as far as it can.
        yaml: join(root, "node_modules/yaml/browser/dist/index.js"),
      },
    },
    plugins: [withoutSubprograms, withoutExitHook],
    transform: { target: "node20", define: { PROGRAM_VERSION: JSON.stringify(version) } },
    treeshake: { moduleSideEffects: false },
  });
  const { output } = await build.generate({
    format: "cjs",
    entryFileNames: "[name].cjs",
    chunkFileNames: `${door}-[name].cjs`,
    minify: { mangle: false },
    comments: { legal: false },
    dynamicImportInCjs: false,
    codeSplitting: {
      groups: Object.entries(groups).map(([name, ids], at, { length }) => ({
        name,
        test: (id) => ids.has(id),
        priority: length - at,
      })),
    },
  });
  await build.close();
  return output
    .filter((file) => file.type === "chunk")
    .map(({ fileName, code, imports, modules }) => withPlainBuiltins({ fileName, code, imports, modules }));
}

/** Every module that loading `entry` loads at once, lazily required chunks left out. */
function modulesAtStart(chunks, entry) {
  const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
  const seen = new Set();
  const visit = (name) => {
    const chunk = byName.get(name);
    if (chunk === undefined || seen.has(chunk)) return;
    seen.add(chunk);
    for (const next of chunk.imports) visit(next);
  };
  visit(entry);
  return {
    modules: [...seen].flatMap((chunk) => Object.keys(chunk.modules)),
    bytes: [...seen].reduce((sum, chunk) => sum + Buffer.byteLength(chunk.code), 0),
  };
}

/**
 * A builtin that is imported late is what `require` gives, without rolldown's wrapper around it: whoever needs that only
 * for this is spared the file that it is in.
 */
function withPlainBuiltins(chunk) {
  const code = chunk.code.replace(/\brequire_rolldown_runtime\.r\((require\("node:[a-z_/]+"\)),1\)/g, "$1");
  const [start, name] = /^const require_rolldown_runtime=require\("\.\/([\w-]+\.cjs)"\)[;,]/.exec(code) ?? [];
  if (start === undefined || code.includes("require_rolldown_runtime.")) return { ...chunk, code };
  const rest = code.slice(start.length);
  return {
    ...chunk,
    code: start.endsWith(",") ? `const ${rest}` : rest,
    imports: chunk.imports.filter((imported) => imported !== name),
  };
}

/** The folder of the package a bundled file comes from; `undefined` for our own files. */
function packageFolder(id) {
  const inside = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id);
  return inside?.[0];
}

function licences(ids) {
  const folders = [...new Set(ids.map(packageFolder).filter((folder) => folder !== undefined))].sort();
  const texts = folders.map((folder) => {
    const { name, version: theirs, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? `Licence: ${license}` : readFileSync(join(folder, file), "utf8").trim();
    return `${name} ${theirs} (${license})\n\n${text}\n`;
  });
  return `Bundled into this program:\n\n${texts.join(`\n${"-".repeat(80)}\n\n`)}`;
}

/**
 * Puts the chunk `start` into the door's own file, which would else only hand its door on: one file less to require.
 * rolldown keeps an entry as a file of its own as soon as its modules are told which chunk to share.
 */
function foldStart(chunks, door) {
  const entry = chunks.find(({ fileName }) => fileName === `${door}.cjs`);
  const start = chunks.find(({ fileName }) => fileName === `${door}-start.cjs`);
  const [, open] = /exports\.open=\w+\.(\w+);/.exec(entry.code) ?? [];
  if (open === undefined) throw new Error(`${entry.fileName} does not hand on its door:\n${entry.code}`);
  start.code = `${start.code}\nexports.open=exports.${open};\n`;
  const rename = (name) => (name === start.fileName ? entry.fileName : name);
  for (const chunk of chunks) {
    chunk.code = chunk.code.replaceAll(`require("./${start.fileName}")`, `require("./${entry.fileName}")`);
    chunk.imports = chunk.imports.map(rename);
  }
  start.fileName = entry.fileName;
  return chunks.filter((chunk) => chunk !== entry);
}

/** Modules by the name of the chunk that they are to share: all that is loaded at once with one of the given files. */
async function learnGroups(door, files) {
  const chunks = await bundle(door);
  const atOnce = (file) => {
    const { fileName } = chunks.find(({ modules }) => join(root, file) in modules);
    return modulesAtStart(chunks, fileName).modules;
  };
  return Object.fromEntries(Object.entries(files).map(([name, list]) => [name, new Set(list.flatMap(atOnce))]));
}

// Each file that is required costs a part of a millisecond: so once to learn what is loaded together, and once more to
// have that in one file.
const short = foldStart(
  await bundle(
    "run",
    await learnGroups("run", {
      start: ["src/cli/doors/run.ts"],
      work: ["src/run/execute.ts", "src/lock/acquire.ts", "src/lock/record-lock.ts"],
    }),
  ),
  "run",
);
const large = foldStart(
  await bundle(
    "main",
    await learnGroups("main", {
      start: ["src/cli/doors/main.ts"],
      schedule: ["src/schedule/load.ts"],
      times: ["src/cli/commands/preview.ts"],
    }),
  ),
  "main",
);

const atStart = modulesAtStart(short, "run.cjs");
const foreign = atStart.modules.filter((id) => packageFolder(id) !== undefined);
if (foreign.length > 0 || atStart.bytes > SHORT_DOOR_LIMIT) {
  const names = foreign.map((id) => relative(root, id)).join("\n  ");
  throw new Error(
    `The short door is to hold our own small files only, ${SHORT_DOOR_LIMIT} bytes at most.\n` +
      `It has ${atStart.bytes} bytes${names === "" ? "" : ` and these packages:\n  ${names}`}`,
  );
}

// Beside the old one, then in its place: who calls the program meanwhile meets a whole one.
const fresh = `${dist}.${process.pid}`;
mkdirSync(fresh);
const chunks = [...short, ...large];
/** Ends with the digest of its text, as bin/pipelinewise-sched.cjs expects it. */
const sealed = (code) => `${code.trimEnd()}\n//${createHash("sha256").update(code).digest("hex").slice(0, 16)}\n`;
for (const { fileName, code } of chunks) writeFileSync(join(fresh, fileName), sealed(code));
writeFileSync(join(fresh, "LICENSES.txt"), licences(chunks.flatMap(({ modules }) => Object.keys(modules))));
const old = `${fresh}.old`;
if (existsSync(dist)) renameSync(dist, old);
renameSync(fresh, dist);
rmSync(old, { recursive: true, force: true });
process.stderr.write(`dist/ is built; a tick loads ${atStart.bytes} bytes of it\n`);
