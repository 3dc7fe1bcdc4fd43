import {
  customResourceDefinition,
  DIGEST_ANNOTATION,
} from '../../operator/api/custom-resource-definition.ts';

const DEFINITION = /^\{"apiVersion":"apiextensions.*$/m;

interface Rendered {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
}

/**
 * `deploy/wscluster.yaml` with the definition as it is now. Everything else in it is what Helm
 * renders of the chart, and compared with that where Helm is.
 */
export function withDefinition(current: string): string {
  const { metadata, spec } = customResourceDefinition();
  const digest = metadata.annotations[DIGEST_ANNOTATION];
  return current.replace(DEFINITION, (line) => {
    const rendered = JSON.parse(line) as Rendered;
    const annotations = { ...rendered.metadata.annotations, [DIGEST_ANNOTATION]: digest };
    return JSON.stringify({ ...rendered, metadata: { ...rendered.metadata, annotations }, spec });
  });
}
