import { errorCode } from "../../errors.ts";
import { diskLockFs } from "../../lock/lock-directory.ts";
import { parseToken } from "../../lock/owner-record.ts";
import { ensureDirectory } from "../../storage/directory.ts";
import { removeFile } from "../../storage/fs.ts";
import { queueDir, type StatePaths } from "../../storage/paths.ts";
import { type PlaceClaim, parseClaim, renderClaim } from "./claim.ts";

/** The ticket of a start that waits for its places. */
export interface Ticket {
  /** Higher than that of every ticket that existed before. */
  readonly number: number;
  readonly token: string;
  readonly path: string;
}

/** The tickets in the queue. */
export interface Tickets {
  /** All of them, the longest waiting first. Two starts that came at the same moment may have one number. */
  read(): Promise<readonly Ticket[]>;
  /** The start that a ticket belongs to; `undefined` if the ticket has been removed, or is being written. */
  readClaim(ticket: Ticket): Promise<PlaceClaim | undefined>;
  /** Adds a ticket at the end. No clock matters, so hosts with different clocks see the same order. */
  create(token: string, claim: PlaceClaim, uid: number): Promise<Ticket>;
  remove(ticket: Ticket): Promise<void>;
}

const TICKET = /^(\d{10})\.(.+)\.json$/;

const ticketName = (number: number, token: string): string => `${String(number).padStart(10, "0")}.${token}.json`;

/** Opens the queue. Reads each ticket once, because a start may look at hundreds of them twice a second. */
export function openTickets(paths: StatePaths): Tickets {
  const directory = queueDir(paths);
  const tickets = new Map<string, Ticket | undefined>();
  const claims = new Map<string, PlaceClaim>();

  function parse(name: string): Ticket | undefined {
    const [, number, token] = TICKET.exec(name) ?? [];
    if (token === undefined || parseToken(token) === undefined) return undefined;
    return { number: Number(number), token, path: `${directory}/${name}` };
  }

  async function list(): Promise<readonly string[]> {
    try {
      return await diskLockFs.list(directory);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return [];
      throw error;
    }
  }

  async function read(): Promise<readonly Ticket[]> {
    return [...(await list())].sort().flatMap((name): readonly Ticket[] => {
      if (!tickets.has(name)) tickets.set(name, parse(name));
      const ticket = tickets.get(name);
      return ticket === undefined ? [] : [ticket];
    });
  }

  return {
    read,
    async readClaim({ token, path }) {
      const known = claims.get(token);
      if (known !== undefined) return known;
      try {
        const claim = parseClaim(await diskLockFs.read(path));
        if (claim !== undefined) claims.set(token, claim);
        return claim;
      } catch (error) {
        if (errorCode(error) === "ENOENT") return undefined;
        throw error;
      }
    },
    async create(token, claim, uid) {
      await ensureDirectory(paths, directory, uid);
      const number = ((await read()).at(-1)?.number ?? 0) + 1;
      const path = `${directory}/${ticketName(number, token)}`;
      await diskLockFs.create(path, renderClaim(claim));
      return { number, token, path };
    },
    remove: ({ path }) => removeFile(path),
  };
}
