/** One metric of Prometheus, with its samples. All metrics of this program are gauges. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** One value of a metric. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const escapeHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
const escapeValue = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');

/** One sample as a line. An empty label is left out, because it is the same as an absent one. */
function renderSample(name: string, { labels, value }: Sample): string {
  const pairs = Object.entries(labels).filter(([, text]) => text !== "");
  const list = pairs.map(([label, text]) => `${label}="${escapeValue(text)}"`).join(",");
  return `${name}${list === "" ? "" : `{${list}}`} ${value}\n`;
}

/** The name of each metric begins with it. */
export const METRIC_PREFIX = "pipelinewise_sched_";

/** The beginning of the first line of a metric. */
export const openingOf = (name: string): string => `# HELP ${name}`;

/** Metrics in Prometheus's text format. Leaves out those that have no sample. */
export const renderMetrics = (metrics: readonly Metric[]): string =>
  metrics
    .filter(({ samples }) => samples.length > 0)
    .map(
      ({ name, help, samples }) =>
        `${openingOf(name)} ${escapeHelp(help)}\n# TYPE ${name} gauge\n${samples.map((sample) => renderSample(name, sample)).join("")}`,
    )
    .join("");
