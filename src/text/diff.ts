const CONTEXT = 3;
/** Above this many comparisons the middle is shown as taken out and put in whole. */
const MOST_COMPARISONS = 4_000_000;

interface Change {
  readonly sign: " " | "-" | "+";
  readonly line: string;
}

/** The longest common lines of two short texts, as changes (dynamic programming from the end). */
function compare(before: readonly string[], after: readonly string[]): readonly Change[] {
  const taken: readonly Change[] = before.map((line) => ({ sign: "-", line }));
  const put: readonly Change[] = after.map((line) => ({ sign: "+", line }));
  if (before.length * after.length > MOST_COMPARISONS) return [...taken, ...put];
  const width = after.length + 1;
  const common = new Uint32Array((before.length + 1) * width);
  const at = (b: number, a: number): number => common[b * width + a] ?? 0;
  for (let b = before.length - 1; b >= 0; b--) {
    for (let a = after.length - 1; a >= 0; a--) {
      common[b * width + a] = before[b] === after[a] ? at(b + 1, a + 1) + 1 : Math.max(at(b + 1, a), at(b, a + 1));
    }
  }
  const changes: Change[] = [];
  let [b, a] = [0, 0];
  while (b < before.length && a < after.length) {
    if (before[b] === after[a]) {
      changes.push({ sign: " ", line: before[b] ?? "" });
      b++;
      a++;
    } else if (at(b + 1, a) >= at(b, a + 1)) changes.push({ sign: "-", line: before[b++] ?? "" });
    else changes.push({ sign: "+", line: after[a++] ?? "" });
  }
  return [...changes, ...taken.slice(b), ...put.slice(a)];
}

function linesOf(text: string): readonly string[] {
  if (text === "") return [];
  const lines = text.split("\n");
  if (lines.at(-1) === "") return lines.slice(0, -1);
  return [...lines.slice(0, -1), `${lines.at(-1)}\n\\ No newline at end of file`];
}

function allChanges(before: readonly string[], after: readonly string[]): readonly Change[] {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  const same = (lines: readonly string[]): readonly Change[] => lines.map((line) => ({ sign: " ", line }));
  return [
    ...same(before.slice(0, head)),
    ...compare(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...same(before.slice(before.length - tail)),
  ];
}

const range = (start: number, count: number): string =>
  `${count === 0 ? start - 1 : start}${count === 1 ? "" : `,${count}`}`;

/** What changes from one text to the other as a unified diff with three lines of context; "" when nothing does. */
export function renderDiff(
  before: string,
  after: string,
  names: { readonly before: string; readonly after: string },
): string {
  const changes = allChanges(linesOf(before), linesOf(after));
  const near = changes.map((_, index) =>
    changes.slice(Math.max(0, index - CONTEXT), index + CONTEXT + 1).some(({ sign }) => sign !== " "),
  );
  const hunks: string[] = [];
  let [lineBefore, lineAfter] = [1, 1];
  for (let index = 0; index < changes.length; ) {
    if (near[index] !== true) {
      lineBefore++;
      lineAfter++;
      index++;
      continue;
    }
    const behind = near.indexOf(false, index);
    const hunk = changes.slice(index, behind === -1 ? undefined : behind);
    const counts = {
      before: hunk.filter(({ sign }) => sign !== "+").length,
      after: hunk.filter(({ sign }) => sign !== "-").length,
    };
    hunks.push(`@@ -${range(lineBefore, counts.before)} +${range(lineAfter, counts.after)} @@`);
    hunks.push(...hunk.map(({ sign, line }) => `${sign}${line}`));
    lineBefore += counts.before;
    lineAfter += counts.after;
    index += hunk.length;
  }
  return hunks.length === 0 ? "" : [`--- ${names.before}`, `+++ ${names.after}`, ...hunks, ""].join("\n");
}

/** The same as lines, without the names above. */
export const diffLines = (before: string, after: string): readonly string[] =>
  renderDiff(before, after, { before: "", after: "" }).split("\n").slice(2, -1);
