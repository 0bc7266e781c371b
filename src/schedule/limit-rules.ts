import { connectorIdError, nameError } from "../pipeline-id.ts";
import { nearestWord } from "../text/suggest.ts";
import { type Diagnostic, quoted } from "./diagnostic.ts";
import type { YamlValue } from "./yaml-tree.ts";

/** The pipelines of a file that have a text at a key, with their positions. */
function pipelinesWith(root: YamlValue, key: "target" | "source") {
  return [...(root.children.get("pipelines")?.children ?? [])].flatMap(([index, { children }]) => {
    const node = children.get(key);
    return typeof node?.value === "string" ? [{ index, node, name: node.value }] : [];
  });
}

/** Whether a name is valid. The schema reports those that are not. */
const isValid = (key: "target" | "source", name: string): boolean =>
  (key === "target" ? connectorIdError(name) : nameError(name)) === undefined;

const suggestion = (near: string | undefined): string => (near === undefined ? "" : `; did you mean "${near}"?`);

/**
 * Checks the names in `limits` and in the pipelines against each other. A pipeline whose source has no limit is an
 * error, because a mistyped name would run it without the limit. A limit that no pipeline has is a warning.
 */
export function checkLimits(root: YamlValue): readonly Diagnostic[] {
  const limits = root.children.get("limits")?.children;
  const sources = [...(limits?.get("source")?.children.keys() ?? [])].map(String);
  const unknown = pipelinesWith(root, "source")
    .filter(({ name }) => isValid("source", name) && !sources.includes(name))
    .map(({ index, node, name }): Diagnostic => {
      const near = nearestWord(name, sources);
      return {
        offset: node.offset,
        path: ["pipelines", index, "source"],
        message: `unknown source ${quoted(name)}${suggestion(near)}`,
        hint: `${near === undefined ? "Remove the key" : `Write ${near}`}, or add its limit: \`limits: {source: {${name}: 1}}\`.`,
      };
    });
  const unused = (["target", "source"] as const).flatMap((key) => {
    const used = pipelinesWith(root, key).map(({ name }) => name);
    return [...(limits?.get(key)?.children ?? [])]
      .filter(([name]) => isValid(key, String(name)) && !used.includes(String(name)))
      .map(([name, { keyOffset, offset }]): Diagnostic => {
        const near = nearestWord(String(name), used);
        return {
          offset: keyOffset ?? offset,
          path: ["limits", key, name],
          message: `no pipeline has the ${key} ${quoted(String(name))}${suggestion(near)}`,
          hint: "Correct the name, or remove the limit: it has no effect.",
          severity: "warning",
        };
      });
  });
  return [...unknown, ...unused];
}
