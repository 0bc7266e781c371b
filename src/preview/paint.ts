/** How words are set off on a terminal. */
export interface Paint {
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
  readonly warning: (text: string) => string;
}

const asIs = (text: string): string => text;

export const PLAIN: Paint = { strong: asIs, faint: asIs, warning: asIs };
