import { type AlertMessage, factsOf, headline, isProblem, type RenderedAlert, summaryOf } from "../render.ts";

/** A mail, before it is encoded. */
export interface Mail {
  readonly subject: string;
  readonly text: string;
}

/** Most alerts with details. The others have one line each. */
const DETAILED = 50;

function renderDetails(alert: RenderedAlert): string {
  const lines = alert.lastLines.length === 0 ? [] : ["last lines:", ...alert.lastLines.map((line) => `| ${line}`)];
  const details = isProblem(alert) ? [...factsOf(alert), ...lines] : [];
  return [headline(alert), ...details.map((line) => `  ${line}`)].join("\n");
}

/** The message as a mail. The first alerts have details, the others one line. */
export function renderMail(message: AlertMessage): Mail {
  const { alerts } = message;
  const others = alerts.slice(DETAILED).map(headline);
  const parts = [...alerts.slice(0, DETAILED).map(renderDetails), ...(others.length === 0 ? [] : [others.join("\n")])];
  return { subject: summaryOf(message), text: `${parts.join("\n\n")}\n` };
}
