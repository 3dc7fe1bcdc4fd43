import { z } from 'zod';

/** The kinds of settings, each with its unit, bounds and text. */

export const ms = (fallback: number, [min, max]: readonly [number, number], text: string) =>
  z.int().min(min).max(max).default(fallback).meta({ unit: 'ms', description: text });
export const seconds = (fallback: number, [min, max]: readonly [number, number], text: string) =>
  z.int().min(min).max(max).default(fallback).meta({ unit: 's', description: text });
export const bytes = (fallback: number, [min, max]: readonly [number, number], text: string) =>
  z.int().min(min).max(max).default(fallback).meta({ unit: 'bytes', description: text });
export const count = (fallback: number, [min, max]: readonly [number, number], text: string) =>
  z.int().min(min).max(max).default(fallback).meta({ description: text });
export const flag = (fallback: boolean, text: string) =>
  z.boolean().default(fallback).meta({ description: text });
export const words = (text: string, item: z.ZodString = z.string().min(1).max(512)) =>
  z.array(item).max(64).default([]).meta({ description: text });
export const optional = (
  text: string,
  extra: { secret?: true; form?: string; absent?: string } = {},
) =>
  z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .meta({ description: text, ...extra });

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const DAY = 86_400;

export const hostAndPort = z
  .string()
  .max(261)
  .regex(
    new RegExp(
      /^([\w.-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\]):/.source +
        // 1 to 65535. As a pattern, and not in code, it binds a CRD's field too.
        /([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])$/.source,
    ),
  )
  .meta({ form: 'host:port' });
