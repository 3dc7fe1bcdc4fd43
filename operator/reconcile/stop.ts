import { countOf } from '../api/count-or-share.ts';
import type { WsCluster } from '../api/wscluster.ts';
import { type GatewayView, statusOf } from './gateways.ts';
import type { Plan } from './plan.ts';

/** Why a rollout goes no further. */
export interface Stop {
  readonly reason: 'Paused' | 'ResumeFailures';
  /** For people, with what to do. */
  readonly message: string;
}

export interface StopInput {
  readonly cluster: WsCluster;
  readonly plan: Plan;
  readonly gateways: readonly GatewayView[];
}

/** Of fewer, one is too large a share. */
const ENOUGH_RESUMES = 20;

/**
 * Whether a rollout is stopped. What new gateways told once holds until the spec is another one:
 * those that start again have forgotten it.
 */
export function stopOf(input: StopInput): Stop | undefined {
  const { cluster, plan } = input;
  if (cluster.spec.rollout.paused) {
    return { reason: 'Paused', message: 'spec.rollout.paused is true: set it to false to go on' };
  }
  if (plan.revision !== plan.asked) return undefined;
  const held = cluster.status?.conditions?.find(({ type }) => type === 'Progressing');
  const holds =
    held?.reason === 'ResumeFailures' &&
    held.observedGeneration === cluster.metadata.generation &&
    cluster.status?.revision?.name === plan.asked;
  if (holds) return { reason: 'ResumeFailures', message: held.message };
  return resumeFailures(input);
}

function resumeFailures({ cluster, plan, gateways }: StopInput): Stop | undefined {
  const limit = cluster.spec.rollout.maxResumeFailures;
  const own = gateways.filter(({ revision }) => revision === plan.revision);
  const resumes = own.flatMap((gateway) => statusOf(gateway)?.hub?.resumes ?? []);
  const broken = resumes.reduce((sum, one) => sum + one.broken, 0);
  const all = resumes.reduce((sum, one) => sum + one.complete, broken);
  const tooMany =
    typeof limit === 'number'
      ? broken > limit
      : all >= ENOUGH_RESUMES && broken > countOf(limit, all);
  if (!tooMany) return undefined;
  const message =
    `${broken} of ${all} subscriptions that came back to gateways of revision ${plan.revision} ` +
    `had missed messages; spec.rollout.maxResumeFailures is ${limit}. Undo the change, or edit ` +
    'the spec to try again';
  return { reason: 'ResumeFailures', message };
}
