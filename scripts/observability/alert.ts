/**
 * What somebody is told of, and no more: each means that clients or messages suffer, or soon will,
 * and each has its section in docs/operations.md, under its name.
 */
export interface Alert {
  readonly name: string;
  /** PromQL. */
  readonly expression: string;
  /** How long it must hold, in words of Prometheus. */
  readonly for: string;
  /** `critical`: somebody should look now; `warning`: today. */
  readonly severity: 'critical' | 'warning';
  /** One line. Both are templates of Prometheus. */
  readonly summary: string;
  readonly description: string;
}

/** Where the runbook of an alert stands within docs/operations.md. */
export const anchorOf = ({ name }: Pick<Alert, 'name'>): string => name.toLowerCase();
