import type { GatewayStatus } from '../../gateways/gateway-client.ts';
import type { GatewayView } from '../gateways.ts';

export const REVISION = 'bcdf2456';
export const NOW = Date.parse('2026-01-01T00:00:00Z');

/** A gateway that is ready and has nothing special, unless it is said. */
export function gatewayView(name: string, is: Partial<GatewayView> = {}): GatewayView {
  return {
    ...{ name, uid: `uid-${name}`, revision: REVISION, ip: '10.0.0.1', zone: '' },
    ...{ createdAt: NOW, phase: 'running', up: true, ready: true, readySince: NOW },
    ...{
      mark: undefined,
      requested: false,
      sparedAt: undefined,
      pending: false,
      endsBy: undefined,
      trouble: undefined,
      report: { status: gatewayStatus() },
    },
    ...is,
  };
}

export function gatewayStatus(is: Partial<GatewayStatus> = {}): GatewayStatus {
  return {
    ...{ pod: '', started: true, lacking: [], checks: [] },
    edge: { connections: 0, sessions: 0, drain: 'serving' },
    stream: { connected: true, unsuitable: [] },
    ...is,
  };
}
