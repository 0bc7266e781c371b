import { expect, test } from "vitest";
import { environmentSecrets } from "../../src/run/secrets.ts";

test("a variable with the name of a secret is masked, but the working directory is not", () => {
  const inherited = { PGPWD: "hunter2", MY_TOKEN: "abcdef", PWD: "/home/etl", OLDPWD: "/srv", PATH: "/bin" };
  expect(environmentSecrets(inherited, [])).toEqual(["hunter2", "abcdef"]);
});
