import { z } from 'zod';
import { wsClusterSpec } from './spec.ts';

/** What the declaration notes for the CRD, and JSON Schema does not know. */
const NOTES = new Set([
  ...['rules', 'unit', 'form', 'absent', 'setting', 'scale', 'alias', 'intOrString'],
  ...['listKeys', 'listType', 'mapType', 'like'],
]);

/**
 * `spec` of a WsCluster as JSON Schema (draft 7, as Helm reads it), for charts whose values hold
 * one. It refuses fields that do not exist; rules between fields are the API server's.
 */
export function specJsonSchema(): object {
  return z.toJSONSchema(wsClusterSpec, {
    io: 'input',
    target: 'draft-7',
    override: ({ jsonSchema }) => {
      for (const note of NOTES) delete jsonSchema[note];
    },
  });
}
