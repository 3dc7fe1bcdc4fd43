/** What the HTTP API counts. Labels are bounded sets of names. */
export interface HttpCounts {
  /** A request was answered, `seconds` after its headers were read. */
  answered(route: Route, status: number, seconds: number): void;
}

/** `other`: a path that is none of the API's. */
export const routes = ['publish', 'history', 'openapi', 'other'] as const;
export type Route = (typeof routes)[number];
