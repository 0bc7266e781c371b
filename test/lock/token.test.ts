import fc from "fast-check";
import { expect, test } from "vitest";
import { parseToken, renderToken, shortBoot, tokenFileName, tokenInName } from "../../src/lock/owner-record.ts";

const identities = fc.record({
  bootId: fc.oneof(fc.uuid(), fc.string()),
  pidNamespace: fc.nat().map(String),
  pid: fc.nat(),
  startTicks: fc.nat({ max: 2 ** 50 }),
});
const nonces = fc.stringMatching(/^[0-9a-f]{1,12}$/);

test("a token names its owner, and its file names the token", () => {
  fc.assert(
    fc.property(identities, nonces, (identity, nonce) => {
      const token = renderToken(identity, nonce);
      const { bootId, ...owner } = identity;
      expect(parseToken(token)).toEqual({ ...owner, boot: shortBoot(bootId) });
      expect(tokenInName(tokenFileName(token))).toBe(token);
    }),
    { seed: 5 },
  );
});

test("a token is a safe word, fit for a file name and an environment variable", () => {
  fc.assert(
    fc.property(identities, nonces, (identity, nonce) => {
      expect(renderToken(identity, nonce)).toMatch(/^[A-Za-z0-9.]{1,100}$/);
    }),
    { seed: 5 },
  );
});

test.each([
  "owner.json",
  "owner..json",
  "owner.a.b.c.json",
  "notes.txt",
  ".nfs0001",
  "owner.ab.1.2.3.zz.json",
  "owner.ab.1.2.3.ff.json.gone",
])("%s is not a token of this program", (name) => expect(tokenInName(name)).toBeUndefined());
