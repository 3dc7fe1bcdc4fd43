import type { Alert } from './alert.ts';
import type { Program } from './declared.ts';
import { gatewayAlerts } from './gateway-alerts.ts';
import { operatorAlerts } from './operator-alerts.ts';

export const alerts: Readonly<Record<Program, readonly Alert[]>> = {
  gateway: gatewayAlerts,
  operator: operatorAlerts,
};

export const alertNames: readonly string[] = [...gatewayAlerts, ...operatorAlerts].map(
  ({ name }) => name,
);
