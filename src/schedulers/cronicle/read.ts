import { StoreError } from "../../errors.ts";
import type { CronicleCall } from "./client.ts";
import type { FoundEvent } from "./diff.ts";

const PAGE = 200;
const MOST_READS = 4;

/**
 * Reads all events that the API key can see. An id that Cronicle has twice is returned twice.
 *
 * The list is read page by page, newest first. If others change it during that time, it is read again.
 */
export async function readEvents(call: CronicleCall): Promise<readonly FoundEvent[]> {
  for (let read = 1; read <= MOST_READS; read++) {
    const events = await readOnce(call);
    if (events !== undefined) return events;
  }
  throw new StoreError("Cronicle's schedule changed repeatedly while it was read", {
    hint: "Try again when the other changes in Cronicle are finished.",
  });
}

async function readOnce(call: CronicleCall): Promise<readonly FoundEvent[] | undefined> {
  const events: FoundEvent[] = [];
  let length: number | undefined;
  for (;;) {
    const { rows, list } = await call("get_schedule", { offset: events.length, limit: PAGE });
    const page = eventsIn(rows);
    const total = lengthOf(list);
    // Old versions report a length of 0 after the last page.
    if (page.length > 0 || length === undefined) {
      if (length !== undefined && total !== length) return undefined;
      length = total;
    }
    events.push(...page);
    if (page.length < PAGE) break;
  }
  return events.length === length ? events : undefined;
}

function eventsIn(rows: unknown): readonly FoundEvent[] {
  if (!Array.isArray(rows)) throw strange("rows");
  return rows.map((row: unknown) => {
    if (typeof row !== "object" || row === null || !("id" in row) || typeof row.id !== "string") throw strange("an id");
    return { ...row, id: row.id };
  });
}

function lengthOf(list: unknown): number {
  if (typeof list === "object" && list !== null && "length" in list && typeof list.length === "number") {
    return list.length;
  }
  throw strange("list.length");
}

/** A category of events. */
export interface Category {
  readonly id: string;
  readonly title: string;
  readonly enabled: boolean;
}

/** Reads all categories. Every API key can see them. */
export async function readCategories(call: CronicleCall): Promise<readonly Category[]> {
  const { rows } = await call("get_categories", { offset: 0, limit: 10_000 });
  return eventsIn(rows).map(({ id, title, enabled }) => ({
    id,
    title: typeof title === "string" ? title : id,
    enabled: enabled === 1 || enabled === true,
  }));
}

/** Finds the category of a setting, which may be an id or a title. */
export const findCategory = (categories: readonly Category[], wanted: string): Category | undefined =>
  categories.find(({ id }) => id === wanted) ?? categories.find(({ title }) => title === wanted);

/** A new category for a setting. Its id consists of the letters and digits of the title. */
export function newCategory(wanted: string, taken: readonly Category[]): Pick<Category, "id" | "title"> {
  const id =
    wanted
      .toLowerCase()
      .replace(/\W+/g, "_")
      .replace(/^_+|_+$/g, "") || "pipelinewise";
  if (!taken.some((one) => one.id === id)) return { id, title: wanted };
  throw new StoreError(
    `Cronicle has no category ${wanted}, and the id of a new one, ${id}, is already used by another category`,
    {
      hint: "Create the category in Cronicle under Admin → Categories, or set cronicle.category to another one.",
    },
  );
}

const strange = (what: string): StoreError =>
  new StoreError(`Cronicle's answer does not contain ${what}`, {
    hint: "Check Cronicle's version: 0.9.106 to 0.9.129 are known to work.",
  });
