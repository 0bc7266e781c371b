import { expect, test } from "vitest";
import { type CronicleCall, cronicleApi } from "../../../src/schedulers/cronicle/client.ts";
import { findCategory, readCategories, readEvents } from "../../../src/schedulers/cronicle/read.ts";
import { recording, replyOf, serve } from "./replay.ts";

const api = (url: string) => cronicleApi({ urls: [url], key: "k" }, { tell: () => {} });

/** A schedule of so many events, read in pages as Cronicle gives them. */
function pages(lengths: readonly number[]) {
  const asked: number[] = [];
  const call: CronicleCall = async (_, body) => {
    const { offset, limit }: { offset?: number; limit?: number } = body;
    asked.push(offset ?? -1);
    const length = lengths[Math.min(asked.length, lengths.length) - 1] ?? 0;
    const all = Array.from({ length }, (__, index) => ({ id: `e${index}` }));
    return { rows: all.slice(offset, (offset ?? 0) + (limit ?? 0)), list: { length } };
  };
  return { call, asked };
}

test.each([0, 1, 199, 200, 201, 1000])("%i events are read, page by page", async (length) => {
  const { call } = pages([length]);
  const events = await readEvents(call);
  expect(events.map(({ id }) => id)).toEqual(Array.from({ length }, (_, index) => `e${index}`));
});

test("a list that others change between two pages is read again", async () => {
  const { call, asked } = pages([250, 251, 251, 251]);
  expect(await readEvents(call)).toHaveLength(251);
  expect(asked).toEqual([0, 200, 0, 200]);
});

test("a list that does not come to rest is an error", async () => {
  let length = 250;
  const call: CronicleCall = async (_, body) => pages([++length]).call(_, body);
  await expect(readEvents(call)).rejects.toThrow("Cronicle's schedule changed repeatedly while it was read");
});

test.each(["get_schedule.past-the-end", "v0.9.106/get_schedule.past-the-end"])(
  "the page behind a full last one ends the list: %s",
  async (behind) => {
    const rows = Array.from({ length: 200 }, (_, index) => ({ id: `e${index}` }));
    const list = recording("get_schedule.past-the-end").response.body;
    const length = 200;
    const call: CronicleCall = async (_, body) => {
      const { offset }: { offset?: number } = body;
      if (offset === 0) return { rows, list: { length } };
      const reply: { list: { length: number }; rows: readonly unknown[] } = Object(recording(behind).response.body);
      return { ...reply, list: { length: reply.list.length === 0 ? 0 : length } };
    };
    expect(list).toMatchObject({ rows: [] });
    expect(await readEvents(call)).toHaveLength(200);
  },
);

test.each([
  ["get_schedule.duplicate-id", ["pw_demo_other", "pw_demo_1f0c9a2e", "pw_demo_1f0c9a2e"]],
  ["get_schedule.empty", []],
])("%s: every record is read, also a duplicate id", async (name, ids) => {
  const { url } = await serve(() => replyOf(name));
  const events = await readEvents(api(url));
  expect(events.map(({ id }) => id)).toEqual(ids);
});

test.each(["get_schedule.one-category-key", "v0.9.106/get_schedule.one-category-key"])(
  "a key that is limited to a category is accepted: %s",
  async (name) => {
    const { url } = await serve(() => replyOf(name));
    expect((await readEvents(api(url))).length).toBeGreaterThan(20);
  },
);

test("an answer without rows does not count as an empty schedule", async () => {
  await expect(readEvents(async () => ({ code: 0 }))).rejects.toThrow("Cronicle's answer does not contain rows");
  await expect(readEvents(async () => ({ rows: [{}], list: { length: 1 } }))).rejects.toThrow("does not contain an id");
  await expect(readEvents(async () => ({ rows: [] }))).rejects.toThrow("does not contain list.length");
});

test("a category is found by its id, else by the title that people see", async () => {
  const { url } = await serve(() => replyOf("get_categories.ok"));
  const categories = await readCategories(api(url));
  expect(findCategory(categories, "general")).toEqual({ id: "general", title: "General", enabled: true });
  expect(findCategory(categories, "General")?.id).toBe("general");
  expect(findCategory(categories, "pipelinewise")).toBeUndefined();
});
