// The structure of CONTRIBUTING.md as a check: imports go down only, there are no cycles, and pure files have no effects.
const floors = [
  ["cli"],
  ["tend"],
  ["metrics"],
  ["control"],
  ["retention"],
  ["install", "preview", "run"],
  ["schedulers", "alerts"],
  ["installed"],
  ["schedule", "lock", "history", "slots"],
  ["cron"],
];
/** Directories below all floors. They know nothing above them. */
const base = ["storage", "system", "text"];
const room = (names) => `^src/(${names.join("|")})/`;

/** From each floor, every floor above it and every neighbour on it is out of reach. */
const upward = floors.flatMap((here, index) =>
  here.map((name) => {
    const beside = here.filter((other) => other !== name);
    const above = floors.slice(0, index).flat();
    return {
      name: `floor-of-${name}`,
      severity: "error",
      comment: `${name}/ imports only from the floors below it`,
      from: { path: `^src/${name}/` },
      to: { path: room([...above, ...beside, "\u0000none"]) },
    };
  }),
);

const touching = ["node:fs", "node:fs/promises", "node:child_process", "node:os"];

module.exports = {
  forbidden: [
    ...upward,
    {
      name: "base-knows-no-floor",
      severity: "error",
      comment: "storage, system and text, and the files beside them, import nothing from a floor",
      from: { path: `^src/(${base.join("|")})/|^src/[^/]+\\.ts$` },
      to: { path: room(floors.flat()) },
    },
    { name: "no-circle", severity: "error", from: {}, to: { circular: true } },
    {
      name: "pure-files-touch-nothing",
      severity: "error",
      comment: "pure files take values and give values",
      from: {
        path: [
          "^src/(cron|preview)/",
          "^src/schedule/(?!load\\.ts$)",
          "^src/install/(conflicts|describe-changes|plan)\\.ts$",
          "^src/installed/(schedule|decode|decode-later|decode-values|compile|tend-needs)\\.ts$",
          "^src/lock/(lock|owner-record|timing)\\.ts$",
          "^src/history/record\\.ts$",
          "^src/slots/due\\.ts$",
          "^src/metrics/(metrics|text-format)\\.ts$",
          "^src/text/(?!source-maps\\.ts$)",
          "^src/schedulers/(owner-mark|registry|scheduler)\\.ts$",
          "^src/schedulers/cron/(block|compatibility|plan|render)\\.ts$",
          "^src/schedulers/airflow/(diff|dag|dag-file|timetable)\\.ts$",
          "^src/schedulers/cronicle/(diff|event|starts|time-zones)\\.ts$",
          "^src/schedulers/systemd/(calendar|diff|units)\\.ts$",
          "^src/alerts/(process|render|receivers/(mail|slack))\\.ts$",
          "^src/(alert-rules|command-line|errors|pipeline-id|time-units)\\.ts$",
          "^src/storage/paths\\.ts$",
        ],
      },
      to: { path: touching.flatMap((name) => [`^${name}$`, `^${name.slice(5)}$`]) },
    },
    {
      name: "schedulers-do-not-know-each-other",
      severity: "error",
      comment: "what they share is in schedulers/ itself",
      from: { path: "^src/schedulers/([^/]+)/" },
      to: { path: "^src/schedulers/[^/]+/", pathNot: "^src/schedulers/$1/" },
    },
    {
      name: "install-knows-no-single-scheduler",
      severity: "error",
      comment: "a scheduler is known by its interface; only the registry loads the directory of one",
      from: { path: "^src/(install/|schedulers/scheduler\\.ts$|cli/commands/(?!preview))" },
      to: { path: "^src/schedulers/[^/]+/" },
    },
    {
      name: "only-the-lock-knows-its-library",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(lock|install)/" },
      to: { path: "node_modules/proper-lockfile" },
    },
    {
      name: "no-unresolved",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      extensions: [".ts", ".js", ".cjs", ".mjs", ".json"],
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
    },
  },
};
