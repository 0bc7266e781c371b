import { errorMessage, StoreError } from "../../errors.ts";
import { NothingDoneError } from "../scheduler.ts";
import { type CronicleCall, CronicleRefusal, NotReachedError } from "./client.ts";
import { describeAction, type EventAction, eventDifferences } from "./diff.ts";
import { type CronicleEvent, newEvent, RETIRED_NOTES } from "./event.ts";
import { readEvents } from "./read.ts";

/** A category that must be created first. */
export interface NewCategory {
  readonly id: string;
  readonly title: string;
}

/**
 * Applies the planned actions, one call after the other: first the category, last the removals.
 *
 * @returns one sentence for each event that could not be deleted because it is running
 * @throws NothingDoneError, or StoreError that says which actions were done
 */
export async function applyActions(
  api: CronicleCall,
  actions: readonly EventAction[],
  category: NewCategory | undefined,
): Promise<readonly string[]> {
  const left: string[] = [];
  const todo = actions.filter(({ kind }) => kind !== "keep");
  let done = 0;
  // An action may be done in part: an event is disabled before it is deleted.
  let touched = false;
  const call: CronicleCall = async (name, body) => {
    const answer = await api(name, body);
    touched = true;
    return answer;
  };
  try {
    if (category !== undefined) {
      await call("create_category", {
        ...category,
        enabled: 1,
        max_children: 0,
        description: "Created by pipelinewise-sched.",
      });
      done++;
    }
    for (const action of todo) {
      if (!(await act(call, action))) {
        left.push(`${describeAction(action).what} is running: it was disabled but not deleted`);
      }
      done++;
    }
  } catch (error) {
    throw stopped(error, { touched, done, all: todo.length + (category === undefined ? 0 : 1) });
  }
  return left;
}

/** Applies one action. @returns whether it was done completely */
async function act(call: CronicleCall, action: EventAction): Promise<boolean> {
  switch (action.kind) {
    case "create":
      await call("create_event", newEvent(action.event));
      return true;
    case "update":
      // Each call deletes the first record of the id. The last one stays and is updated.
      for (let record = 0; record < action.spare; record++) {
        if (!(await deleteEvent(call, action.event.id))) break;
      }
      await call("update_event", action.event);
      return true;
    case "delete":
      for (let record = 0; record < action.records; record++) {
        await call("update_event", { id: action.id, enabled: 0, notes: RETIRED_NOTES });
        if (!(await deleteEvent(call, action.id))) return false;
      }
      return true;
    case "keep":
      return true;
  }
}

/** Deletes an event. @returns false if it has running jobs */
async function deleteEvent(call: CronicleCall, id: string): Promise<boolean> {
  try {
    await call("delete_event", { id });
    return true;
  } catch (error) {
    if (error instanceof CronicleRefusal && /running jobs/.test(error.description)) return false;
    throw error;
  }
}

function stopped(
  error: unknown,
  { touched, done, all }: { readonly touched: boolean; readonly done: number; readonly all: number },
): unknown {
  if (!(error instanceof StoreError)) return error;
  const options = { cause: error, ...(error.hint === undefined ? {} : { hint: error.hint }) };
  const surelyNothing = error instanceof CronicleRefusal || error instanceof NotReachedError;
  if (!touched && surelyNothing) return new NothingDoneError(errorMessage(error), options);
  return new StoreError(
    `${errorMessage(error)}\n${done} of ${all} changes in Cronicle were made; run the same command again to make the rest`,
    options,
  );
}

/**
 * Reads the events back and compares them with the plan. Cronicle has no lock and accepts a second event with the same id,
 * so this detects another install at the same time.
 *
 * @throws StoreError that names the first event that differs
 */
export async function assertSettled(call: CronicleCall, wanted: readonly CronicleEvent[]): Promise<void> {
  const found = await readEvents(call);
  for (const event of wanted) {
    const [first, ...spare] = found.filter(({ id }) => id === event.id);
    const fault =
      first === undefined
        ? "does not exist"
        : spare.length > 0
          ? `exists ${spare.length + 1} times`
          : eventDifferences(first, event)[0];
    if (fault === undefined) continue;
    throw new StoreError(`Cronicle accepted the event ${event.title}, but a check afterwards shows that it ${fault}`, {
      hint: "Run the same command again to repair it. Somebody else may have installed or edited the event at the same time.",
    });
  }
}
