import { countOf } from '../../operator/api/count-or-share.ts';
import { conditionIn } from '../../operator/reconcile/condition.ts';
import { ABORT_ANNOTATION } from '../../operator/reconcile/plan.ts';
import { count } from '../words.ts';
import type { Facts } from './facts.ts';

/** Which revisions gateways have, and what holds a rollout back. */
export function rolloutLines(facts: Facts): string[] {
  const { cluster } = facts;
  const { status, spec } = cluster;
  const { revision, stableRevision: stable } = status ?? {};
  if (revision === undefined) return [];
  const groups = groupsOf(facts);
  const isAborted = cluster.metadata.annotations?.[ABORT_ANNOTATION] === revision.name;
  const goal = isAborted && stable !== undefined ? stable : revision.name;
  const others = [...groups.keys()].filter((name) => name !== goal).sort();
  const under = others.length > 0;
  const progressing = conditionIn(status, 'Progressing');
  return [
    `to be  ${goal}  ${sizeOf(groups.get(goal))}`,
    ...others.map((name) => `still  ${name}  ${sizeOf(groups.get(name))}`),
    ...(isAborted ? [`aborted: revision ${revision.name}, until the spec is another one`] : []),
    ...(spec.rollout.paused ? [`paused: no rollout ${under ? 'goes on' : 'begins'}`] : []),
    ...partition(facts),
    // Paused and aborted were said; what stands still needs attention, and is said there.
    ...(under && progressing?.status === 'True' && !SAID.has(progressing.reason)
      ? [`${progressing.reason}: ${progressing.message}`]
      : []),
  ];
}

const SAID = new Set(['Paused', 'Aborted']);

interface Group {
  readonly all: number;
  readonly ready: number;
  readonly emptied: number;
}

function groupsOf({ gateways }: Facts): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const { revision, ready, phase } of gateways) {
    const was = groups.get(revision) ?? NONE;
    groups.set(revision, {
      all: was.all + 1,
      ready: was.ready + (ready ? 1 : 0),
      emptied: was.emptied + (phase === 'leaving' ? 1 : 0),
    });
  }
  return groups;
}

const NONE: Group = { all: 0, ready: 0, emptied: 0 };

function sizeOf({ all, ready, emptied } = NONE): string {
  const leaving = emptied === 0 ? '' : `, ${emptied} being emptied`;
  return `${count(all, 'gateway')}, ${ready} ready${leaving}`;
}

function partition({ cluster: { spec } }: Facts): string[] {
  const kept = Math.min(spec.replicas, countOf(spec.rollout.partition, spec.replicas));
  if (kept === 0) return [];
  return [
    `spec.rollout.partition ${spec.rollout.partition}: a rollout leaves ${kept} as they were`,
  ];
}
