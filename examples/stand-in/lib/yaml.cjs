// stand-in for PipelineWise, not PipelineWise: as much YAML as its project files need. It has no dependencies.

const KEY = /^([\w-]+|"[^"]*"):(?:\s+(.*))?$/;

/**
 * Block mappings, block lists and one-line scalars; JSON in place of a scalar. No anchors, no folded text, no `|`.
 * Throws an Error that names the line it does not understand.
 */
function parseYaml(text) {
  const lines = text
    .split("\n")
    .map((raw, at) => ({ at: at + 1, indent: raw.search(/\S/), words: withoutComment(raw).trim() }))
    .filter(({ words }) => words !== "" && words !== "---");
  return lines.length === 0 ? undefined : parseBlock(lines, lines[0].indent);
}

/** Takes from `lines` what is indented by `indent` or more. */
function parseBlock(lines, indent) {
  return isItem(lines[0].words) ? parseList(lines, indent) : parseMap(lines, indent);
}

function parseList(lines, indent) {
  const list = [];
  while (lines[0]?.indent === indent && isItem(lines[0].words)) {
    const words = lines[0].words.slice(1).trim();
    if (words === "") {
      lines.shift();
      list.push(parseNested(lines, indent));
    } else if (KEY.test(words)) {
      const deeper = indent + lines[0].words.length - words.length;
      lines[0] = { ...lines[0], indent: deeper, words };
      list.push(parseMap(lines, deeper));
    } else {
      lines.shift();
      list.push(parseScalar(words));
    }
  }
  return list;
}

function parseMap(lines, indent) {
  const map = {};
  while (lines[0]?.indent === indent && !isItem(lines[0].words)) {
    const { at, words } = lines.shift();
    const [, key, value] = words.match(KEY) ?? [];
    if (key === undefined) throw new Error(`line ${at}: the stand-in's YAML does not understand: ${words}`);
    map[key.replaceAll('"', "")] = value === undefined ? parseNested(lines, indent) : parseScalar(value);
  }
  if (lines[0]?.indent > indent) throw new Error(`line ${lines[0].at}: is indented too far`);
  return map;
}

function parseNested(lines, indent) {
  const next = lines[0];
  const isBelow = next !== undefined && (next.indent > indent || (next.indent === indent && isItem(next.words)));
  return isBelow ? parseBlock(lines, next.indent) : null;
}

function parseScalar(text) {
  if (/^'.*'$/.test(text)) return text.slice(1, -1).replaceAll("''", "'");
  try {
    return JSON.parse(text);
  } catch {
    return text === "~" ? null : text;
  }
}

const isItem = (words) => words === "-" || words.startsWith("- ");

/** A `#` begins a comment at the line's start or after a blank, outside of quotes. */
function withoutComment(line) {
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const char = line[at];
    if (quote !== "") quote = char === quote ? "" : quote;
    else if (char === "'" || char === '"') quote = char;
    else if (char === "#" && (at === 0 || /\s/.test(line[at - 1]))) return line.slice(0, at);
  }
  return line;
}

module.exports = { parseYaml };
