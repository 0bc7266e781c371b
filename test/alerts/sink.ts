import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import type { AlertMessage } from "../../src/alerts/render.ts";

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** Answers as a receiver that accepts a message. */
export const accepts: Answer = (response) => response.end("ok");

/** An HTTP receiver on loopback that keeps the bodies that it gets. */
export async function startSink(first: Answer = accepts) {
  const bodies: string[] = [];
  let answer = first;
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => {
      bodies.push(body);
      answer(response, request);
    });
  });
  const listen = (on: number) => new Promise<void>((resolve) => server.listen(on, "127.0.0.1", resolve));
  const close = () =>
    new Promise<unknown>((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  await listen(0);
  onTestFinished(() => void close());
  const { port } = server.address() as AddressInfo; // It listens on a port, not on a socket file.
  return {
    url: `http://127.0.0.1:${port}/services/s3cr3t-of-the-hook`,
    bodies,
    messages: (): readonly AlertMessage[] => bodies.map((body) => JSON.parse(body)),
    close,
    /** Accepts connections again after `close`. */
    listenAgain: () => listen(port),
    answerWith(next: Answer) {
      answer = next;
    },
  };
}
