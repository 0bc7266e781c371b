/**
 * Forty-eight random bits as hexadecimal digits, for names that no other process, container or host chooses. No secret
 * is made of them, and loading node:crypto would take a tick several milliseconds.
 */
export const nonce = (): string => Math.floor(Math.random() * 2 ** 48).toString(16);
