import { countOf } from '../api/count-or-share.ts';
import type { WsCluster } from '../api/wscluster.ts';
import { conditionIn } from './condition.ts';
import { type GatewayView, statusOf } from './gateways.ts';
import type { Plan } from './plan.ts';

/** What new gateways tell that stops a rollout. */
const failures = ['ResumeFailures', 'RequestFailures'] as const;

/** Why a rollout goes no further. */
export interface Stop {
  readonly reason: 'Paused' | (typeof failures)[number];
  /** For people, with what to do. */
  readonly message: string;
}

export interface StopInput {
  readonly cluster: WsCluster;
  readonly plan: Plan;
  readonly gateways: readonly GatewayView[];
}

/** Of fewer, one is too large a share. */
const ENOUGH = 20;

/**
 * Whether a rollout is stopped. What new gateways told once holds until the spec is another one:
 * those that start again have forgotten it. On the way back to what all had last nothing is asked:
 * what its gateways count is of the time before, and whoever goes back wants to leave.
 */
export function stopOf(input: StopInput): Stop | undefined {
  const { cluster, plan } = input;
  if (cluster.spec.rollout.paused) {
    return { reason: 'Paused', message: 'spec.rollout.paused is true: set it to false to go on' };
  }
  if (plan.revision !== plan.asked || plan.revision === plan.stable) return undefined;
  const held = conditionIn(cluster.status, 'Progressing');
  const reason = failures.find((one) => one === held?.reason);
  const holds =
    held?.observedGeneration === cluster.metadata.generation &&
    cluster.status?.revision?.name === plan.asked;
  if (reason !== undefined && holds) return { reason, message: held?.message ?? '' };
  return resumeFailures(input) ?? requestFailures(input);
}

const UNDO = 'Undo the change, or edit the spec to try again';

function resumeFailures({ cluster, plan, gateways }: StopInput): Stop | undefined {
  const limit = cluster.spec.rollout.maxResumeFailures;
  const own = gateways.filter(({ revision }) => revision === plan.revision);
  const resumes = own.flatMap((gateway) => statusOf(gateway)?.hub?.resumes ?? []);
  const broken = resumes.reduce((sum, one) => sum + one.broken, 0);
  const all = resumes.reduce((sum, one) => sum + one.complete, broken);
  const tooMany =
    typeof limit === 'number' ? broken > limit : all >= ENOUGH && broken > countOf(limit, all);
  if (!tooMany) return undefined;
  const message =
    `${broken} of ${all} subscriptions that came back to gateways of revision ${plan.revision} ` +
    `had missed messages; spec.rollout.maxResumeFailures is ${limit}. ${UNDO}`;
  return { reason: 'ResumeFailures', message };
}

/** What the gateways that are replaced fail as well is not the new revision's fault. */
function requestFailures({ cluster, plan, gateways }: StopInput): Stop | undefined {
  const limit = cluster.spec.rollout.maxRequestFailures;
  const isNew = ({ revision }: GatewayView) => revision === plan.revision;
  const { all, failed } = requestsOf(gateways.filter(isNew));
  const before = requestsOf(gateways.filter((gateway) => !isNew(gateway)));
  const usual = before.all < ENOUGH ? 0 : (before.failed / before.all) * all;
  const tooMany =
    typeof limit === 'number'
      ? failed > limit
      : all >= ENOUGH && failed > countOf(limit, all) + usual;
  if (!tooMany) return undefined;
  const message =
    `${failed} of ${all} requests of clients to gateways of revision ${plan.revision} failed, or ` +
    `their tokens were not believed, where the others have ${before.failed} of ${before.all}; ` +
    `spec.rollout.maxRequestFailures is ${limit}. Their metrics wscluster_errors_total and ` +
    `wscluster_closes_total say why. ${UNDO}`;
  return { reason: 'RequestFailures', message };
}

function requestsOf(gateways: readonly GatewayView[]) {
  const told = gateways.flatMap((gateway) => statusOf(gateway)?.requests ?? []);
  return {
    all: told.reduce((sum, one) => sum + one.all, 0),
    failed: told.reduce((sum, one) => sum + one.failed, 0),
  };
}
