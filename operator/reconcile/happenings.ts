import type { WsClusterStatus } from '../api/wscluster.ts';
import type { Happening } from '../kube/event-recorder.ts';
import { type Condition, type ConditionType, conditionIn } from './condition.ts';

const ACTION = 'Reconcile';

/** What will hurt and does not yet, and the status in which it will. */
const FOREBODINGS: readonly (readonly [ConditionType, Condition['status']])[] = [
  ['DrainTooSlow', 'True'],
  ['CapacitySuitable', 'False'],
  ['RingBalanced', 'False'],
  ['VersionSkew', 'True'],
];

/** What is to be said of a change of the status, as Events: what became wrong, and what right. */
export function happeningsOf(was: WsClusterStatus | undefined, is: WsClusterStatus): Happening[] {
  const changed = (type: ConditionType) => {
    const before = conditionIn(was, type);
    const now = conditionIn(is, type);
    if (now === undefined) return undefined;
    const same =
      before?.status === now.status &&
      before.reason === now.reason &&
      (now.status !== 'True' || before.message === now.message);
    return same ? undefined : { before, now };
  };
  const happenings: Happening[] = [];
  const say = (type: Happening['type'], reason: string, note: string) =>
    happenings.push({ type, reason, action: ACTION, note });
  const degraded = changed('Degraded');
  if (degraded?.now.status === 'True') say('Warning', degraded.now.reason, degraded.now.message);
  if (degraded?.now.status === 'False' && degraded.before?.status === 'True') {
    say('Normal', 'Recovered', `no more: ${degraded.before.message}`);
  }
  const suitable = changed('RedisSuitable');
  if (suitable?.now.reason === 'RedisUnsuitable') {
    say('Warning', suitable.now.reason, suitable.now.message);
  }
  const progressing = changed('Progressing');
  if (progressing?.now.status === 'False') {
    say('Warning', progressing.now.reason, progressing.now.message);
  }
  if (was?.revision !== undefined && was.revision.name !== is.revision?.name) {
    say('Normal', 'RollingOut', `gateways of revision ${is.revision?.name} replace the others`);
  }
  for (const [type, wrong] of FOREBODINGS) {
    const now = changed(type)?.now;
    if (now?.status === wrong) say('Warning', now.reason, now.message);
  }
  for (const pod of emptied(was, is)) say('Normal', 'Emptied', `${pod} has no client any more`);
  const ready = changed('Ready');
  if (ready?.now.status === 'True' && ready.before?.status !== 'True') {
    say('Normal', 'Ready', ready.now.message);
  }
  return happenings;
}

function emptied(was: WsClusterStatus | undefined, is: WsClusterStatus): string[] {
  const known = was?.draining?.filter(({ state }) => state === 'Empty').map(({ pod }) => pod);
  const now = is.draining?.filter(({ state }) => state === 'Empty').map(({ pod }) => pod) ?? [];
  return now.filter((pod) => !known?.includes(pod));
}
