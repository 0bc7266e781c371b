/** One task of one run, as Airflow's API returns it. */
export interface TaskInstance {
  readonly dag_id: string;
  readonly dag_run_id: string;
  readonly task_id: string;
  /** `null`: not yet looked at by the scheduler. */
  readonly state: string | null;
  readonly try_number: number;
}

/** The REST API of an Airflow 3 whose every caller is an admin. */
export interface AirflowApi {
  /** @param path below /api/v2. @returns the decoded answer. @throws an error with the answer if it is not a success */
  readonly ask: (method: "GET" | "POST" | "PATCH" | "DELETE", path: string, body?: object) => Promise<unknown>;
  /** The tasks of all runs so far, oldest run first. */
  readonly tasks: () => Promise<readonly TaskInstance[]>;
  /** Lines that a try of a task has logged. */
  readonly taskLog: (task: TaskInstance) => Promise<readonly string[]>;
}

/** @param base as http://127.0.0.1:8080 */
export async function connectApi(base: string): Promise<AirflowApi> {
  const { access_token: token } = await decode<{ access_token: string }>(await fetch(`${base}/auth/token`));
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const call = async <T>(method: string, path: string, body?: object): Promise<T> =>
    decode<T>(
      await fetch(`${base}/api/v2/${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) }),
    );
  return {
    ask: call<unknown>,
    tasks: async () => {
      const path = "dags/~/dagRuns/~/taskInstances?limit=1000&order_by=run_after";
      return (await call<{ task_instances: readonly TaskInstance[] }>("GET", path)).task_instances;
    },
    taskLog: async ({ dag_id, dag_run_id, task_id, try_number }) => {
      const path = `dags/${dag_id}/dagRuns/${encodeURIComponent(dag_run_id)}/taskInstances/${task_id}/logs/${try_number}`;
      const { content } = await call<{ content: readonly { readonly event: string }[] }>("GET", path);
      return content.map(({ event }) => event);
    },
  };
}

/** Whether all parts of Airflow are running. The API refuses at first, then reports on the others. */
export async function isHealthy(base: string): Promise<boolean> {
  const answer = await fetch(`${base}/api/v2/monitor/health`).catch(() => undefined);
  if (answer?.ok !== true) return false;
  const { scheduler, dag_processor } = await decode<Health>(answer);
  return [scheduler, dag_processor].every(({ status }) => status === "healthy");
}

interface Health {
  readonly scheduler: { readonly status: string | null };
  readonly dag_processor: { readonly status: string | null };
}

// The shapes are those of Airflow's documentation; a test on another shape fails by what it then misses.
async function decode<T>(answer: Response): Promise<T> {
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.url} answers ${answer.status}: ${text}`);
  return (text === "" ? undefined : JSON.parse(text)) as T;
}
