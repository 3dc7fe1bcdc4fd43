import { countOf } from '../operator/api/count-or-share.ts';
import type { WsCluster } from '../operator/api/wscluster.ts';
import { RESTART_ANNOTATION } from '../operator/reconcile/desired/revision.ts';
import { ABORT_ANNOTATION } from '../operator/reconcile/plan.ts';
import { wsClusters } from '../operator/reconcile/resources.ts';
import { timeText } from '../operator/reconcile/times.ts';
import { type Command, type Desk, say, typed } from './command.ts';
import { Complaint } from './complaint.ts';
import { change, clusterOf, nameIn } from './lookup.ts';

/** What is to be written, if anything, and what comes of it. */
interface Decision {
  readonly patch?: Parameters<typeof change>[2];
  readonly says: string;
}

/** A command about one WsCluster. `decide` throws a `Complaint` where it refuses. */
function about(
  name: string,
  summary: string,
  decide: (cluster: WsCluster, desk: Desk) => Decision,
): Command {
  return {
    ...{ name, summary, operand: 'NAME', needsOperand: true, options: [] },
    run: async (desk, operand) => {
      const cluster = await clusterOf(desk, nameIn(operand, 'WsCluster'));
      const { patch, says } = decide(cluster, desk);
      const { metadata } = cluster;
      if (patch !== undefined) await change(desk, { resource: wsClusters, metadata }, patch);
      say(desk, `${says}. See: ${typed(desk, `wscluster status ${metadata.name}`)}`);
    },
  };
}

export const pause = about('pause', 'stops a rollout where it is', ({ metadata, spec }, desk) => {
  const { name } = metadata;
  if (spec.rollout.paused) return { says: `${name} was paused before: nothing changed` };
  const on = typed(desk, `wscluster resume ${name}`);
  return {
    patch: { spec: { rollout: { paused: true } } },
    says: `${name} is paused: no rollout begins or goes on until ${on}`,
  };
});

export const resume = about('resume', 'lets a rollout go on', ({ metadata, spec }) => {
  const { name } = metadata;
  if (!spec.rollout.paused) return { says: `${name} was not paused: nothing changed` };
  const upTo = partitionOf(spec);
  const far = upTo === 0 ? '' : `, but for the ${upTo} that spec.rollout.partition leaves`;
  return {
    patch: { spec: { rollout: { paused: false } } },
    says: `${name} is not paused any more: its rollout goes on${far}`,
  };
});

export const promote = about(
  'promote',
  'gives every gateway the newest revision: no partition, no pause',
  ({ metadata, spec }) => {
    const { name } = metadata;
    const { paused, partition } = spec.rollout;
    if (!paused && countOf(partition, Math.max(1, spec.replicas)) === 0) {
      return { says: `nothing holds the rollout of ${name} back: nothing changed` };
    }
    return {
      patch: { spec: { rollout: { partition: 0, paused: false } } },
      says: `${name} is promoted: all its gateways get the newest revision`,
    };
  },
);

export const abort = about(
  'abort',
  'gives a rollout up: back to the revision that all had',
  ({ metadata, spec, status }, desk) => {
    const { name, generation, annotations } = metadata;
    const { revision, stableRevision, observedGeneration = 0 } = status ?? {};
    if (revision === undefined || observedGeneration < generation) {
      throw new Complaint(`the operator has not looked at ${name} since it changed: try it again`);
    }
    if (stableRevision === undefined) {
      const why = `${name} has no revision to go back to: all gateways never had the same one`;
      throw new Complaint(`${why}; change its spec instead`);
    }
    if (annotations?.[ABORT_ANNOTATION] === revision.name) {
      return { says: `the rollout of ${revision.name} was aborted before: nothing changed` };
    }
    if (stableRevision === revision.name) {
      const all = `all gateways have revision ${revision.name}`;
      throw new Complaint(`${name} has no rollout to abort: ${all}`);
    }
    const held = spec.rollout.paused
      ? `, when ${typed(desk, `wscluster resume ${name}`)} lets them`
      : '';
    return {
      patch: { annotations: { [ABORT_ANNOTATION]: revision.name } },
      says:
        `the rollout of ${revision.name} is aborted: gateways go back to ` +
        `${stableRevision}${held}, until the spec is another one`,
    };
  },
);

export const restart = about(
  'restart',
  'replaces all gateways by new ones, as a rollout does',
  ({ metadata, spec }, desk) => {
    const { name } = metadata;
    const held = spec.rollout.paused
      ? `, when ${typed(desk, `wscluster resume ${name}`)} lets it`
      : '';
    return {
      patch: { annotations: { [RESTART_ANNOTATION]: timeText(desk.clock.wall()) } },
      says: `all gateways of ${name} are replaced, as in a rollout${held}`,
    };
  },
);

const partitionOf = ({ rollout, replicas }: WsCluster['spec']): number =>
  Math.min(replicas, countOf(rollout.partition, replicas));
