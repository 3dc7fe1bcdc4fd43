/** What the HTTP API counts. Labels are bounded sets of names. */
export interface HttpCounts {
  /** A request was answered, `seconds` after its headers were read. */
  answered(route: Route, status: number, seconds: number): void;
  /** A request was refused because its identity, or its address, asked too often. */
  limited(by: 'identity' | 'address'): void;
}

/** `preflight`: a browser asks what a page may do. `other`: a path that is none of the API's. */
export const routes = [
  'publish',
  'history',
  'presence',
  'user',
  'disconnect',
  'ring',
  'route',
  'openapi',
  'preflight',
  'other',
] as const;
export type Route = (typeof routes)[number];
