/** Asks again and again until there is an answer, less often as time goes by. @throws with `what` when there is none within the time */
export async function waitFor<T>(
  what: string,
  withinMs: number,
  ask: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const begun = performance.now();
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    const waited = performance.now() - begun;
    if (waited > withinMs) throw new Error(`waited ${withinMs / 1000} s in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, Math.min(200, 5 + waited / 10)));
  }
}
