import { boardRows } from './boards.ts';
import { clientRows } from './clients.ts';
import { crowdRows } from './crowds.ts';
import { failoverRows } from './failovers.ts';
import { hopRows } from './hops.ts';
import { limitRows } from './limits.ts';
import { networkRows } from './networks.ts';
import { ownerRows } from './owners.ts';
import { permissionRows } from './permissions.ts';
import { podRows } from './pods.ts';
import { ringRows } from './rings.ts';
import type { Row } from './row.ts';
import { scalingRows } from './scaling.ts';
import { stallRows } from './stalls.ts';
import { storeRows } from './stores.ts';
import { wireRows } from './wires.ts';
import { writerRows } from './writers.ts';

/** Of Redis, and of the way to it. */
export const storeFaults: readonly Row[] = [
  ...storeRows,
  ...failoverRows,
  ...networkRows,
  ...limitRows,
];

/** Of gateways and of their clients. */
export const gatewayFaults: readonly Row[] = [...podRows, ...clientRows, ...permissionRows];

/** Of the ring, and of gateways and clients that follow it. */
export const ringFaults: readonly Row[] = [...ringRows, ...writerRows, ...boardRows, ...hopRows];

/** Of owners that are not what the ring says, and of clients that look for theirs. */
export const ownerFaults: readonly Row[] = [
  ...ownerRows,
  ...scalingRows,
  ...stallRows,
  ...crowdRows,
];

/** Of the network, in a namespace of its own. */
export const wireFaults: readonly Row[] = wireRows;

/** Every fault that is run on real processes, in the order of their numbers. */
export const rows: readonly Row[] = [
  ...storeFaults,
  ...gatewayFaults,
  ...ringFaults,
  ...ownerFaults,
  ...wireFaults,
].toSorted((a, b) => Number.parseInt(a.row, 10) - Number.parseInt(b.row, 10));

/** `25` names all of its variants (25, 25r), `25r` one. Each once, in the order of the list. */
export function chosenRows(names: readonly string[]): readonly Row[] {
  return rows.filter(({ row }) => names.includes(row) || names.includes(row.replace(/[a-z]$/, '')));
}
