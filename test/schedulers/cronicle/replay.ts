import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** Recorded calls of a real Cronicle and its answers. */
export interface Recording {
  readonly request: { readonly path: string; readonly body: unknown };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: unknown;
  };
}

/** A recorded call by the name of its file, such as `create_event.ok` or `v0.9.106/get_schedule.past-the-end`. */
export const recording = (name: string): Recording =>
  // The files are ours, one shape all of them.
  JSON.parse(readFileSync(new URL(`./recordings/${name}.json`, import.meta.url), "utf8")) as Recording;

/** A request as the server saw it. */
export interface Seen {
  readonly call: string;
  readonly key: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** A recorded answer. */
export const replyOf = (name: string): Reply => recording(name).response;

/** Success, as Cronicle says it. */
export const done = (fields: object = {}): Reply => ({ status: 200, body: { code: 0, ...fields } });

/** No answer at all: the connection breaks. */
export const BREAK = "break";

/** A server on loopback for the length of a test. `undefined` as an answer: it never comes. */
export async function serve(answer: (seen: Seen) => Reply | typeof BREAK | undefined) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const call = /^\/api\/app\/(\w+)\/v1$/.exec(request.url ?? "")?.[1] ?? `unexpected ${request.url}`;
    const key = request.headers["x-api-key"];
    const one = { call, key: typeof key === "string" ? key : undefined, body: await readBody(request) };
    seen.push(one);
    const reply = answer(one);
    if (reply === undefined) return;
    if (reply === BREAK) {
      request.socket.destroy();
      return;
    }
    response.writeHead(reply.status, reply.headers);
    response.end(typeof reply.body === "string" ? reply.body : JSON.stringify(reply.body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  onTestFinished(close);
  // A listening server has an address of this kind.
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, seen, close };
}

async function readBody(request: IncomingMessage): Promise<Seen["body"]> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString() || "{}");
}
