/**
 * A crontab is bytes, in whatever encoding its lines happen to be; the text of one, everywhere in this room, is those
 * bytes with one character each (latin1), so that a foreign line comes back byte for byte. Our own words go in and out
 * by these two.
 */
export const toCrontabText = (words: string): string => Buffer.from(words, "utf8").toString("latin1");

/** A crontab's text for people to read. */
export const fromCrontabText = (text: string): string => Buffer.from(text, "latin1").toString("utf8");
