import { gatewayRows } from './gateway-rows.ts';
import { operatorRow } from './operator-row.ts';
import type { Row } from './panel.ts';

/** What the dashboard shows, from above. */
export const rows: readonly Row[] = [...gatewayRows, operatorRow];
