// Builds dist/: one bundle for each door of bin/pipelinewise-sched.cjs, and the licences of what is bundled.
// CommonJS, because it starts faster than ESM (README, "How fast it starts").
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const dist = join(root, "dist");

/** What a tick loads before it knows that there is something to do: our own small files, at most this many bytes. */
const SHORT_DOOR_LIMIT = 45_000;

/** @param together modules that go into one chunk beside the door's own */
async function bundle(door, together = new Set()) {
  const build = await rolldown({
    input: { [door]: join(root, `src/cli/doors/${door}.ts`) },
    platform: "node",
    // proper-lockfile asks for graceful-fs only to have a default `fs`; ours is always given (src/lock/library.ts).
    resolve: { alias: { "graceful-fs": "node:fs" } },
    transform: { target: "node20", define: { PROGRAM_VERSION: JSON.stringify(version) } },
    treeshake: { moduleSideEffects: false },
  });
  const { output } = await build.write({
    dir: dist,
    format: "cjs",
    entryFileNames: "[name].cjs",
    chunkFileNames: `${door}-[name].cjs`,
    minify: { mangle: false },
    comments: { legal: false },
    ...(together.size === 0 ? {} : { codeSplitting: { groups: [{ name: "start", test: (id) => together.has(id) }] } }),
  });
  await build.close();
  return output.filter((file) => file.type === "chunk");
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

if (existsSync(dist)) rmSync(dist, { recursive: true });
// Once to learn what the short door loads at its start, once more to have all of that in one file: each file that a
// tick requires costs it a part of a millisecond.
const known = modulesAtStart(await bundle("run"), "run.cjs").modules;
rmSync(dist, { recursive: true });
const short = await bundle("run", new Set(known));
const large = await bundle("main");

const atStart = modulesAtStart(short, "run.cjs");
const foreign = atStart.modules.filter((id) => packageFolder(id) !== undefined);
if (foreign.length > 0 || atStart.bytes > SHORT_DOOR_LIMIT) {
  const names = foreign.map((id) => relative(root, id)).join("\n  ");
  throw new Error(
    `The short door is to hold our own small files only, ${SHORT_DOOR_LIMIT} bytes at most.\n` +
      `It has ${atStart.bytes} bytes${names === "" ? "" : ` and these packages:\n  ${names}`}`,
  );
}

const ids = [...short, ...large].flatMap((chunk) => Object.keys(chunk.modules));
writeFileSync(join(dist, "LICENSES.txt"), licences(ids));
process.stderr.write(`dist/ is built; a tick loads ${atStart.bytes} bytes of it\n`);
