import type { WsCluster } from '../../operator/api/wscluster.ts';
import { KubeError } from '../../operator/kube/kube-error.ts';
import type { ObservedPod } from '../../operator/reconcile/copies.ts';
import { sleep } from '../../protocol/clock.ts';
import { type Desk, say } from '../command.ts';
import { Complaint } from '../complaint.ts';
import { explained } from '../explained.ts';
import { gatewaysOf } from '../gateways.ts';
import { clusterOf, podOf } from '../lookup.ts';
import { count, duration } from '../words.ts';
import { emptyingOf, progressOf } from './emptying.ts';

const LOOK_MS = 2_000;
/** Where nothing can be written over, a line says so often how far it is. */
const LINE_MS = 10_000;
/** For its turn, and for its pod to end, besides what the drain itself may take. */
const SPARE_S = 300;

interface Followed {
  readonly pod: ObservedPod;
  readonly cluster: WsCluster;
}

/**
 * Until the pod is gone and as many gateways are ready as before: whoever empties one after the
 * other is not to go on sooner. Throws a `Complaint` when it stays, or the time is over.
 */
export async function follow(desk: Desk, { pod, cluster }: Followed): Promise<void> {
  const { clock, options } = desk;
  const { drainDeadlineSeconds } = cluster.spec.disruption;
  const timeoutMs = (options.timeoutS ?? drainDeadlineSeconds + SPARE_S) * 1_000;
  const began = clock.now();
  const progress = new Progress(desk);
  const { name = '' } = pod.metadata;
  for (;;) {
    const step = await look(desk, { pod, cluster });
    if (step.kind !== 'on') progress.end();
    if (step.kind === 'over') {
      say(desk, `${name} is replaced after ${duration(clock.now() - began)}: ${step.left}`);
      return;
    }
    if (step.kind === 'stays') throw new Complaint(`${name} stays: somebody called it back`);
    progress.show(`${name}: ${step.how}`, step.state);
    if (clock.now() - began + LOOK_MS > timeoutMs) {
      progress.end();
      const late = `${name} is not replaced after ${duration(timeoutMs)}: ${step.how}`;
      throw new Complaint(`${late}; it goes on all the same`);
    }
    await sleep(clock, LOOK_MS);
  }
}

type Step =
  | { readonly kind: 'on'; readonly state: string; readonly how: string }
  | { readonly kind: 'stays' }
  | { readonly kind: 'over'; readonly left: string };

async function look(desk: Desk, followed: Followed): Promise<Step> {
  try {
    return await lookAt(desk, followed);
  } catch (error) {
    if (!(error instanceof KubeError) || error.verdict !== 'retry') throw error;
    return { kind: 'on', state: error.reason, how: explained(error) ?? error.message };
  }
}

async function lookAt(desk: Desk, { pod, cluster }: Followed): Promise<Step> {
  const { name = '', uid } = pod.metadata;
  const [found, now] = await Promise.all([
    podOf(desk, name),
    clusterOf(desk, cluster.metadata.name),
  ]);
  if (found === undefined || found.metadata.uid !== uid) {
    return successor(cluster, now);
  }
  const [gateway] = await gatewaysOf(desk, [found]);
  if (gateway?.phase === 'over') {
    return { kind: 'on', state: 'Ended', how: 'ended, about to be removed' };
  }
  const emptying = gateway && emptyingOf(gateway, now, desk.clock.wall());
  if (emptying === undefined) return { kind: 'stays' };
  return { kind: 'on', state: emptying.state, how: progressOf(emptying) };
}

/** It is gone: is another one there, or fewer wanted? */
function successor(before: WsCluster, now: WsCluster): Step {
  const { readyReplicas = 0 } = now.status ?? {};
  const { replicas } = now.spec;
  const left = `${readyReplicas} of ${count(replicas, 'gateway')} ready`;
  const enough = Math.min(before.status?.readyReplicas ?? 0, replicas);
  if (readyReplicas >= enough) return { kind: 'over', left };
  return { kind: 'on', state: 'Gone', how: `gone, and another one is to come: ${left}` };
}

/** One line that changes; or a line for each state, and now and then. */
class Progress {
  readonly #desk: Desk;
  #shown = '';
  #state = '';
  #at = Number.NEGATIVE_INFINITY;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  show(line: string, state: string): void {
    const { screen, clock } = this.#desk;
    if (line === this.#shown) return;
    if (screen.canRedraw) screen.write(`\r\x1b[K${line}`);
    else if (state !== this.#state || clock.now() - this.#at >= LINE_MS) {
      screen.write(`${line}\n`);
      this.#at = clock.now();
    } else return;
    this.#shown = line;
    this.#state = state;
  }

  end(): void {
    if (this.#desk.screen.canRedraw && this.#shown !== '') this.#desk.screen.write('\n');
  }
}
