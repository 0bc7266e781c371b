import { readFileSync } from "node:fs";

/**
 * The marker at the beginning of a generated part of a page.
 *
 * @param name unique within the page
 */
const begin = (name: string): string => `<!-- generated: ${name}; to update: npm run docs -->`;
const END = "<!-- end -->";

const PART = /<!-- generated: ([^;]+); .*? -->\n.*?<!-- end -->/gs;

/** The names of the generated parts of a page, in their order. */
export const generatedParts = (page: string): readonly string[] =>
  [...readFileSync(page, "utf8").matchAll(PART)].map(([, name]) => name ?? "");

/** The page with new generated parts. All other text is unchanged. */
export const renderPage = (page: string, render: (name: string) => string): string =>
  readFileSync(page, "utf8").replace(PART, (_part, name: string) => `${begin(name)}\n\n${render(name)}\n\n${END}`);
