const powers = (base: number, letters: string, suffix = '') =>
  [...letters].map((letter, at) => [`${letter}${suffix}`, base ** (at + 1)] as const);

const UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ...powers(1_000, 'kMGTPE'),
  ...powers(1_024, 'KMGTPE', 'i'),
  ...powers(1 / 1_000, 'mun'),
]);

const QUANTITY = /^([0-9.]+)(?:[eE]([-+]?[0-9]+))?([A-Za-z]*)$/;

/** What an amount of Kubernetes' comes to: `1Gi`, `500m`, `2e3`. Undefined for what is none. */
export function amountOf(quantity: number | string): number | undefined {
  const [, digits = '', exponent = '0', suffix = ''] = QUANTITY.exec(String(quantity)) ?? [];
  const unit = UNITS.get(suffix);
  const amount = Number(digits) * 10 ** Number(exponent);
  return digits === '' || unit === undefined || Number.isNaN(amount) ? undefined : amount * unit;
}
