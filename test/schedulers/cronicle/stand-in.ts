import type { FoundEvent } from "../../../src/schedulers/cronicle/diff.ts";
import { type BREAK, done, type Reply, type Seen, serve } from "./replay.ts";

/** Cronicle's schedule as its API keeps it: no id is unique, and a call acts on the first record. */
export interface StandIn {
  readonly url: string;
  readonly seen: readonly Seen[];
  events: FoundEvent[];
  readonly categories: { id: string; title: string; enabled: number }[];
  /** Ids of events with a running job. */
  readonly busy: Set<string>;
  /** Whether the scheduler is switched on. */
  enabled: boolean;
  /** Another answer for a call. */
  intercept: (seen: Seen) => Reply | typeof BREAK | undefined;
}

const refused = (code: string, description: string): Reply => ({ status: 200, body: { code, description } });

/** A server on loopback that behaves as the recordings show. */
export async function standIn(): Promise<StandIn> {
  const server: Omit<StandIn, "url" | "seen"> = {
    events: [],
    categories: [{ id: "general", title: "General", enabled: 1 }],
    busy: new Set(),
    enabled: true,
    intercept: () => undefined,
  };
  const { url, seen } = await serve((one) => server.intercept(one) ?? answer(server, one));
  return Object.assign(server, { url, seen });
}

function answer(server: Omit<StandIn, "url" | "seen">, { call, body }: Seen): Reply {
  const id = String(body["id"]);
  const index = server.events.findIndex((event) => event.id === id);
  const missing = refused("event", `Failed to locate event: ${id}`);
  switch (call) {
    case "get_schedule": {
      const [offset, limit] = [Number(body["offset"]), Number(body["limit"])];
      return done({ rows: server.events.slice(offset, offset + limit), list: { length: server.events.length } });
    }
    case "get_categories":
      return done({ rows: server.categories, list: { length: server.categories.length } });
    case "get_master_state":
      return done({ state: { enabled: server.enabled } });
    case "get_servers":
      return done({ servers: { "etl1.test": { hostname: "etl1.test" } } });
    case "create_category":
      server.categories.push({ id, title: String(body["title"]), enabled: 1 });
      return done({ id });
    case "create_event":
      if (!server.categories.some((one) => one.id === body["category"])) {
        return refused("event", `Failed to create event: Category not found: ${body["category"]}`);
      }
      server.events = [{ ...body, id, created: 1, modified: 1, api_key: "secret" }, ...server.events];
      return done({ id });
    case "update_event":
      if (index === -1) return missing;
      server.events = server.events.map((event, at) => (at === index ? { ...event, ...body } : event));
      return done();
    case "delete_event":
      if (index === -1) return missing;
      if (server.busy.has(id)) return refused("event", "Failed to delete event: Still has running jobs");
      server.events = server.events.filter((_, at) => at !== index);
      return done();
    default:
      return refused("1", `Unsupported API: app/api_${call}`);
  }
}
