import { type AlertMessage, factsOf, headline, isProblem, type RenderedAlert, summaryOf } from "../render.ts";

/** Slack limits a message to 50 blocks, and the text of a section to 3000 characters. */
const DETAILED = 8;
const LINES_PER_BLOCK = 15;
const LISTED = 300;
const TEXT_LENGTH = 2_800;

const escapeMarkup = (text: string): string => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const section = (text: string) => ({ type: "section", text: { type: "mrkdwn", text } });

const signOf = (alert: RenderedAlert): string =>
  isProblem(alert) ? ":x:" : alert.kind === "started" ? ":arrow_forward:" : ":white_check_mark:";

function renderDetails(alert: RenderedAlert): string {
  const tail = escapeMarkup(alert.lastLines.join("\n").replaceAll("```", "'''")).slice(-TEXT_LENGTH / 2);
  const text = escapeMarkup(factsOf(alert).join("\n")).slice(0, TEXT_LENGTH / 2);
  return tail === "" ? text : `${text}\n\`\`\`${tail}\`\`\``;
}

/** The message in the format of Slack's incoming webhooks. The first alerts have details, the others one line. */
export function renderSlack(message: AlertMessage): object {
  const { alerts } = message;
  const summary = summaryOf(message);
  const marked = (alert: RenderedAlert) => `${signOf(alert)} *${escapeMarkup(headline(alert))}*`;
  const detailed = alerts
    .slice(0, DETAILED)
    .flatMap((alert) => [
      section(marked(alert).slice(0, TEXT_LENGTH)),
      ...(isProblem(alert) ? [section(renderDetails(alert))] : []),
    ]);
  const others = alerts.slice(DETAILED, LISTED).map((alert) => `• ${escapeMarkup(headline(alert))}`.slice(0, 180));
  const lists = others.flatMap((_, at) =>
    at % LINES_PER_BLOCK === 0 ? [section(others.slice(at, at + LINES_PER_BLOCK).join("\n"))] : [],
  );
  const rest = alerts.length > LISTED ? [section(`and ${alerts.length - LISTED} more`)] : [];
  return { text: summary, blocks: [section(`*${escapeMarkup(summary)}*`), ...detailed, ...lists, ...rest] };
}
