/** Whether `value` is a string of 1 to `length` characters. */
export function isText(value: unknown, length: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= length;
}
