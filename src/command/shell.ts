const SAFE_WORD = /^[A-Za-z0-9_./:=@,+-]+$/;

/**
 * Whether a word may stand in a crontab line: nothing in it means anything to cron or to a shell, on any daemon.
 * A line's first word may also not begin with `-`.
 */
export const isSafeWord = (word: string): boolean => SAFE_WORD.test(word);

/** The word as `sh` reads it back: bare when safe, else in single quotes. */
export const quoteWord = (word: string): string =>
  isSafeWord(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** Words as one `sh` command line. */
export const renderWords = (words: readonly string[]): string => words.map(quoteWord).join(" ");
