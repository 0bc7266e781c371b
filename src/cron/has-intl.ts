/** A Node that was built without Intl knows no zone but UTC. Small-icu does: zone data do not go by language. */
export const hasIntl = (): boolean => typeof Intl === "object";
