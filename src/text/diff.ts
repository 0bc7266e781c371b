import { FILE_HEADERS_ONLY, formatPatch, OMIT_HEADERS, type StructuredPatch, structuredPatch } from "diff";

const CONTEXT_LINES = 3;
/** With more changed lines than this, all lines are shown as replaced, because the comparison would take too long. */
const MAX_CHANGED_LINES = 2_000;

function createPatch(before: string, after: string, names: { readonly before: string; readonly after: string }) {
  const patch = (from: string, to: string, maxEditLength = Number.POSITIVE_INFINITY): StructuredPatch | undefined =>
    structuredPatch(names.before, names.after, from, to, undefined, undefined, {
      context: CONTEXT_LINES,
      maxEditLength,
    });
  const compared = patch(before, after, MAX_CHANGED_LINES);
  if (compared !== undefined) return compared;
  const [removed, added] = [patch(before, "")?.hunks[0], patch("", after)?.hunks[0]];
  if (removed === undefined || added === undefined) throw new Error("a text without lines has too many changes");
  const { oldStart, oldLines, lines } = removed;
  const { newStart, newLines } = added;
  const hunk = { oldStart, oldLines, newStart, newLines, lines: [...lines, ...added.lines] };
  return {
    oldFileName: names.before,
    newFileName: names.after,
    oldHeader: undefined,
    newHeader: undefined,
    hunks: [hunk],
  };
}

/** The changes between two texts as a unified diff with three lines of context; "" if there are none. */
export function renderDiff(
  before: string,
  after: string,
  names: { readonly before: string; readonly after: string },
): string {
  const patch = createPatch(before, after, names);
  return patch.hunks.length === 0 ? "" : formatPatch(patch, FILE_HEADERS_ONLY);
}

/** The lines of a unified diff, without the names of the texts. */
export const diffLines = (before: string, after: string): readonly string[] =>
  formatPatch(createPatch(before, after, { before: "", after: "" }), OMIT_HEADERS)
    .split("\n")
    .slice(0, -1);
