import type { conditionTypes } from '../api/status.ts';
import type { WsClusterStatus } from '../api/wscluster.ts';

export type ConditionType = keyof typeof conditionTypes;
export type Condition = NonNullable<WsClusterStatus['conditions']>[number];

export const conditionIn = (
  status: WsClusterStatus | undefined,
  type: ConditionType,
): Condition | undefined => status?.conditions?.find((condition) => condition.type === type);
