import { HEAD, verbatim } from '../chart/templates.ts';
import { manifest } from '../documents/manifest.ts';
import { type Alert, anchorOf } from './alert.ts';
import { alerts } from './alerts.ts';
import type { Program } from './declared.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: Alert['severity'] };
  readonly annotations: Readonly<Record<string, string>>;
}

interface RuleGroup {
  readonly name: string;
  readonly rules: readonly Rule[];
}

const programs = Object.keys(alerts) as Program[];

/** All alerts as Prometheus reads them. `runbooks`: where docs/operations.md is. */
export const ruleGroups = (runbooks: string): RuleGroup[] =>
  programs.map((program) => ({
    name: groupName(program),
    rules: alerts[program].map((alert) => ruleOf(alert, runbooks)),
  }));

const groupName = (program: Program) => `wscluster-${program}`;

const ruleOf = (alert: Alert, runbooks: string): Rule => ({
  alert: alert.name,
  expr: alert.expression,
  for: alert.for,
  labels: { severity: alert.severity },
  annotations: {
    summary: alert.summary,
    description: alert.description,
    runbook_url: `${runbooks}#${anchorOf(alert)}`,
  },
});

/** `templates/prometheus-rule.yaml`. */
export function ruleTemplate(): string {
  const groups = programs.map(
    (program) =>
      `  - name: ${groupName(program)}\n    rules:\n${alerts[program].map(block).join('')}`,
  );
  return HEAD + OPENING + groups.join('') + CLOSING;
}

/** One that somebody does not want is left out. */
function block(alert: Alert): string {
  const mark = 'SLOT-RUNBOOKS';
  const runbook = `{{ printf "%s#${anchorOf(alert)}" $.Values.prometheusRule.runbooks | quote }}`;
  const lines = verbatim(manifest([ruleOf(alert, mark)]))
    .replace(`${mark}#${anchorOf(alert)}`, () => runbook)
    .trimEnd()
    .split('\n');
  return [`{{- if not (has "${alert.name}" .without) }}`, ...lines, '{{- end }}']
    .map((line) => `    ${line}\n`)
    .join('');
}

const OPENING = `{{- with .Values.prometheusRule }}
{{- if .enabled }}
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {{ include "wscluster.name" $ }}
  namespace: {{ $.Release.Namespace }}
  labels:
    {{- include "wscluster.labels" $ | nindent 4 }}
    {{- with .labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  groups:
`;
const CLOSING = `{{- end }}
{{- end }}
`;
