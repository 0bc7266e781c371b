import type { FoundEvent } from "../../../src/schedulers/cronicle/diff.ts";
import { type BREAK, done, type Reply, type Seen, serve } from "./replay.ts";

/** Cronicle's schedule as its API keeps it: no id is unique, and a call acts on the first record. */
export interface StandIn {
  readonly url: string;
  readonly seen: readonly Seen[];
  events: FoundEvent[];
  readonly categories: { id: string; title: string; enabled: number }[];
  /** Ids of events that have a job at work. */
  readonly busy: Set<string>;
  /** Whether the scheduler is switched on. */
  enabled: boolean;
  /** What a call is answered instead. */
  intercept: (seen: Seen) => Reply | typeof BREAK | undefined;
}

const refused = (code: string, description: string): Reply => ({ status: 200, body: { code, description } });

/** A server on loopback that behaves as the recordings show. */
export async function standIn(): Promise<StandIn> {
  const world: Omit<StandIn, "url" | "seen"> = {
    events: [],
    categories: [{ id: "general", title: "General", enabled: 1 }],
    busy: new Set(),
    enabled: true,
    intercept: () => undefined,
  };
  const { url, seen } = await serve((one) => world.intercept(one) ?? answer(world, one));
  return Object.assign(world, { url, seen });
}

function answer(world: Omit<StandIn, "url" | "seen">, { call, body }: Seen): Reply {
  const id = String(body["id"]);
  const index = world.events.findIndex((event) => event.id === id);
  const missing = refused("event", `Failed to locate event: ${id}`);
  switch (call) {
    case "get_schedule": {
      const [offset, limit] = [Number(body["offset"]), Number(body["limit"])];
      return done({ rows: world.events.slice(offset, offset + limit), list: { length: world.events.length } });
    }
    case "get_categories":
      return done({ rows: world.categories, list: { length: world.categories.length } });
    case "get_master_state":
      return done({ state: { enabled: world.enabled } });
    case "get_servers":
      return done({ servers: { "etl1.test": { hostname: "etl1.test" } } });
    case "create_category":
      world.categories.push({ id, title: String(body["title"]), enabled: 1 });
      return done({ id });
    case "create_event":
      if (!world.categories.some((one) => one.id === body["category"])) {
        return refused("event", `Failed to create event: Category not found: ${body["category"]}`);
      }
      world.events = [{ ...body, id, created: 1, modified: 1, api_key: "secret" }, ...world.events];
      return done({ id });
    case "update_event":
      if (index === -1) return missing;
      world.events = world.events.map((event, at) => (at === index ? { ...event, ...body } : event));
      return done();
    case "delete_event":
      if (index === -1) return missing;
      if (world.busy.has(id)) return refused("event", "Failed to delete event: Still has running jobs");
      world.events = world.events.filter((_, at) => at !== index);
      return done();
    default:
      return refused("1", `Unsupported API: app/api_${call}`);
  }
}
