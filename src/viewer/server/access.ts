/** Which requests are answered: those of this page on this machine, and of nobody else's page. */

import { timingSafeEqual } from "node:crypto";

/** The part of a request that says who asks. */
export interface Asker {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** What the header `x-svrflow-token` says. */
  readonly token: string | undefined;
}

/** Names of this machine in an address. A page elsewhere whose name was made to point here has another one. */
const NAMES = ["127.0.0.1", "localhost", "[::1]"];

/**
 * Why a request is refused, or null.
 *
 * @param port that is listened on
 * @param token required of what does more than read the run's own tables; null for what everybody here may read
 */
export function refusal(
  { method, host, origin, token: given }: Asker,
  port: number,
  token: string | null,
): string | null {
  // Browsers leave out the port that http has by itself.
  const hosts = [...NAMES.map((name) => `${name}:${port}`), ...port === 80 ? NAMES : []];
  if (host === undefined || !hosts.includes(host.toLowerCase())) {
    return `found Host ${JSON.stringify(host ?? "")}, required ${hosts[0]}`;
  }
  if (origin !== undefined && !hosts.some((each) => origin.toLowerCase() === `http://${each}`)) {
    return `found Origin ${JSON.stringify(origin)}, required http://${hosts[0]}`;
  }
  if (method !== (token === null ? "GET" : "POST") && !(token === null && method === "HEAD")) {
    return `found method ${method}, required ${token === null ? "GET" : "POST"}`;
  }
  if (token !== null && !sameText(given ?? "", token)) {
    return "found no token of this page, required the address that svr view printed";
  }
  return null;
}

/** In a time that tells nothing of where they differ. */
function sameText(a: string, b: string): boolean {
  const [one, other] = [new TextEncoder().encode(a), new TextEncoder().encode(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}
