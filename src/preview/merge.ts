/** A time, and the place of the source it came from. */
export interface Head {
  readonly source: number;
  readonly at: number;
}

/**
 * Sorted times of many sources as one sorted row; of equal times the earlier source's comes first. Lazy: a source is
 * asked for its next time only when its last one has been taken.
 */
export function* mergeTimes(sources: readonly Iterable<number>[]): Generator<Head, void> {
  const iterators = sources.map((source) => source[Symbol.iterator]());
  const heap: Head[] = [];
  iterators.forEach((iterator, source) => {
    const { done, value: at } = iterator.next();
    if (done !== true) heap.push({ source, at });
  });
  for (let root = (heap.length >> 1) - 1; root >= 0; root--) sink(heap, root);
  for (let top = heap[0]; top !== undefined; top = heap[0]) {
    yield top;
    const { done, value: at } = iterators[top.source]?.next() ?? { done: true, value: undefined };
    const last = done === true ? heap.pop() : { source: top.source, at };
    if (heap.length === 0 || last === undefined) return;
    heap[0] = last;
    sink(heap, 0);
  }
}

const isBefore = (one: Head, other: Head): boolean =>
  one.at < other.at || (one.at === other.at && one.source < other.source);

/** Lets the head at `root` down to its place in a binary heap. */
function sink(heap: Head[], root: number): void {
  const head = heap[root];
  if (head === undefined) return;
  let hole = root;
  for (;;) {
    let below = 2 * hole + 1;
    let child = heap[below];
    if (child === undefined) break;
    const right = heap[below + 1];
    if (right !== undefined && isBefore(right, child)) {
      child = right;
      below++;
    }
    if (!isBefore(child, head)) break;
    heap[hole] = child;
    hole = below;
  }
  heap[hole] = head;
}
