/** A number as Kubernetes writes it: `12`, or `12500m` where thousandths matter. */
export function quantityOf(value: number): string {
  const thousandths = Math.round(value * 1_000);
  if (!Number.isSafeInteger(thousandths) || thousandths < 0) {
    throw new RangeError(`${value} is no quantity`);
  }
  return thousandths % 1_000 === 0 ? String(thousandths / 1_000) : `${thousandths}m`;
}
