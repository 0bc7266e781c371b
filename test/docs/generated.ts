import { readFileSync } from "node:fs";

/** Where a page's generated part begins. @param name tells the parts of one page apart */
const begin = (name: string): string => `<!-- generated: ${name}; to update: npm run docs -->`;
const END = "<!-- end -->";

const PART = /<!-- generated: ([^;]+); .*? -->\n.*?<!-- end -->/gs;

/** The names of a page's generated parts, in their order. */
export const generatedParts = (page: string): readonly string[] =>
  [...readFileSync(page, "utf8").matchAll(PART)].map(([, name]) => name ?? "");

/** The page with its generated parts written again. All other text stays as it is. */
export const renderPage = (page: string, render: (name: string) => string): string =>
  readFileSync(page, "utf8").replace(PART, (_part, name: string) => `${begin(name)}\n\n${render(name)}\n\n${END}`);
