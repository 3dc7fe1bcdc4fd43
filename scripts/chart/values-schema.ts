import { z } from 'zod';
import { chartValues } from './values.ts';

/** JSON Schema with what the declaration notes for people. */
export interface ValueSchema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, ValueSchema>>;
  readonly items?: ValueSchema;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly unit?: string;
  readonly form?: string;
  readonly absent?: string;
}

const NOTES = ['unit', 'form', 'absent'];

/** As Helm reads it. `notes`: with those. */
export function valuesSchema({ notes }: { readonly notes: boolean }): ValueSchema {
  return z.toJSONSchema(chartValues, {
    io: 'input',
    target: 'draft-7',
    override: ({ jsonSchema }) => {
      if (notes) return;
      for (const note of NOTES) delete jsonSchema[note];
    },
  }) as ValueSchema;
}

/** `values.schema.json`. */
export const schemaFile = (): string =>
  `${JSON.stringify(valuesSchema({ notes: false }), undefined, 2)}\n`;
