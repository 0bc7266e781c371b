import { setFlagsFromString } from "node:v8";

/**
 * Keeps V8's space for new objects at its first size. For a long stream of short-lived objects V8 would double that space
 * again and again, up to 48 MB that hold nothing but garbage.
 */
export const keepHeapSmall = (): void => setFlagsFromString("--semi-space-growth-factor=1");
