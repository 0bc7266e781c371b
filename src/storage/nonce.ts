/**
 * Forty-eight random bits in hexadecimal, for names that no other process, container or host chooses. They protect no
 * secret; loading node:crypto would cost a scheduled start several milliseconds.
 */
export const nonce = (): string => Math.floor(Math.random() * 2 ** 48).toString(16);
