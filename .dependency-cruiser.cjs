// The house rules of CONTRIBUTING.md as a check: floors go down only, no circle, pure files touch nothing.
const floors = [
  ["cli"],
  ["control"],
  ["crontab", "exporters", "preview", "run"],
  ["compiled"],
  ["schedule", "lock", "history", "slot"],
  ["cron", "command"],
];
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
      name: "leaves-import-no-room",
      severity: "error",
      comment: "a leaf beside the rooms knows no room (the types of command/request.ts are the one exception)",
      from: { path: "^src/[^/]+\\.ts$" },
      to: { path: "^src/[^/]+/", pathNot: "^src/command/request\\.ts$" },
    },
    { name: "no-circle", severity: "error", from: {}, to: { circular: true } },
    {
      name: "pure-files-touch-nothing",
      severity: "error",
      comment: "pure files take values and give values",
      from: {
        path: [
          "^src/(cron|command|preview)/",
          "^src/schedule/(?!load\\.ts$)",
          "^src/crontab/(bytes|block|candidates|changes|elsewhere|export|fit|mark|plan|refusals|render|timings)\\.ts$",
          "^src/compiled/(compiled|compile|decode)\\.ts$",
          "^src/lock/(lock|token|record|judge|timing)\\.ts$",
          "^src/history/record\\.ts$",
          "^src/slot/due\\.ts$",
          "^src/run/outcome\\.ts$",
          "^src/cli/table\\.ts$",
          "^src/exporters/(exporter|file-mark|horizon|mark|plan|registry)\\.ts$",
          "^src/exporters/airflow/(changes|cron-text|dag|dag-file|dag-id|starts)\\.ts$",
          "^src/exporters/cronicle/(answer|changes|compare|event|mark|starts|timing|zones)\\.ts$",
          "^src/exporters/systemd/(calendar|changes|units)\\.ts$",
          "^src/(errors|state-paths|edit-distance|instants|text-diff|text-width)\\.ts$",
        ],
      },
      to: { path: touching.flatMap((name) => [`^${name}$`, `^${name.slice(5)}$`]) },
    },
    {
      name: "exporters-do-not-know-each-other",
      severity: "error",
      comment: "what they share stands beside them",
      from: { path: "^src/exporters/([^/]+)/" },
      to: { path: "^src/exporters/[^/]+/", pathNot: "^src/exporters/$1/" },
    },
    {
      name: "only-the-lock-knows-its-library",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(lock|crontab)/" },
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
