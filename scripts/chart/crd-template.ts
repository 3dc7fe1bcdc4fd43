import {
  customResourceDefinition,
  DIGEST_ANNOTATION,
} from '../../operator/api/custom-resource-definition.ts';
import { HEAD, verbatim } from './templates.ts';

/**
 * `templates/crd.yaml`. The schema stands in it once, and on one line: crds/wscluster.yaml is the
 * one to read.
 *
 * Helm refuses an object that another release, or kubectl, made. One that says what this one says
 * is left alone; else it must be said what to do with it.
 */
export function crdTemplate(): string {
  const { apiVersion, kind, metadata, spec } = customResourceDefinition();
  const [schema] = spec.versions.map((version) => version.schema);
  const json = (value: unknown) => verbatim(JSON.stringify(value));
  const versions = spec.versions.map(
    (version) =>
      `  - ${json({ ...version, schema: undefined }).slice(0, -1)},"schema":` +
      '{{ include "wscluster.crd.schema" . }}}\n',
  );
  const rest = Object.entries({ ...spec, versions: undefined })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `  ${key}: ${json(value)}\n`);
  const digest = metadata.annotations[DIGEST_ANNOTATION];
  return [
    HEAD,
    `{{- define "wscluster.crd.schema" -}}\n${json(schema)}\n{{- end -}}\n`,
    `{{- $digest := "${digest}" -}}\n`,
    `{{- $arguments := list . "${metadata.name}" $digest -}}\n`,
    '{{- if eq (include "wscluster.crd.isToRender" $arguments) "true" }}\n',
    `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata:\n  name: ${metadata.name}\n`,
    '  labels: {{- include "wscluster.labels" . | nindent 4 }}\n',
    '  annotations:\n',
    `    ${DIGEST_ANNOTATION}: "{{ $digest }}"\n`,
    '    {{- if .Values.crds.keep }}\n    helm.sh/resource-policy: keep\n    {{- end }}\n',
    'spec:\n',
    ...rest,
    '  versions:\n',
    ...versions,
    '{{- end }}\n',
  ].join('');
}
