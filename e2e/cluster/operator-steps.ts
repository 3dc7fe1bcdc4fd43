import assert from 'node:assert/strict';
import type { WsClusterSpecInput } from '../../operator/api/wscluster.ts';
import { until } from '../deadline.ts';
import { becomes, type ClusterName, isSettled, podsOf, stateOf } from './cluster-state.ts';
import type { OperatorTeam } from './operator-team.ts';
import type { OperatorWorld } from './operator-world.ts';

const SETTLE_MS = 90_000;
/** A status that is due comes within half of it. */
const QUIET_MS = 2_000;

const metrics = { podMonitor: { enabled: true } };
/** All at once: what is killed here is the operator, again and again. */
const rollout = { maxSurge: '100%', minReadySeconds: 0 };
const SPEC: Partial<WsClusterSpecInput> = { replicas: 2, metrics, rollout };

/** What is done to a WsCluster, one after the other. */
const CHANGES = {
  create: SPEC,
  /** Changes most objects, and no pod. */
  widen: { replicas: 3, service: { port: 8443 }, disruption: { maxUnavailable: 2 } },
  /** Other pods. */
  rollOut: { heartbeat: { intervalSeconds: 20 } },
} as const;

export type Step = keyof typeof CHANGES;
export const steps = Object.keys(CHANGES) as Step[];

/** What becomes of a WsCluster when nothing goes wrong, and whether it became of others. */
export class Steps {
  readonly #world: OperatorWorld;
  readonly #namespace: string;
  readonly #undisturbed = new Map<Step, unknown>();

  /** `namespace`: of all of them; names of operators and namespaces are in what they make. */
  constructor(world: OperatorWorld, namespace: string) {
    this.#world = world;
    this.#namespace = namespace;
  }

  at(name: string): ClusterName {
    return { namespace: this.#namespace, name };
  }

  /** Does all of it to one, and remembers what came of it. Resolves with the writes of each. */
  async observe(team: OperatorTeam): Promise<Record<Step, number>> {
    const at = this.at('undisturbed');
    const writes = { create: 0, widen: 0, rollOut: 0 };
    for (const step of steps) {
      const { proxy } = await team.leader();
      const before = proxy.counts.write;
      await this.begin(at, step);
      await this.settled(at);
      await team.quiet(QUIET_MS);
      this.#undisturbed.set(step, await stateOf(this.#world.hand.api, at));
      writes[step] = proxy.counts.write - before;
    }
    return writes;
  }

  begin(at: ClusterName, step: Step): Promise<void> {
    const spec = CHANGES[step];
    return step === 'create' ? this.#world.create(at, spec) : this.#world.change(at, spec);
  }

  /** Resolves when its status says that all is as the spec wants it. */
  async settled(at: ClusterName, why = (): string => ''): Promise<void> {
    await until(async () => isSettled(await this.#world.read(at)), {
      for: () => `${at.name} to settle ${why()}`,
      ...{ deadlineMs: SETTLE_MS, everyMs: 100 },
    });
  }

  /** As it is undisturbed, and soon. */
  same(at: ClusterName, step: Step, why: string): Promise<void> {
    const state = this.#undisturbed.get(step) ?? assert.fail('observe() comes first');
    return becomes(this.#world.hand.api, { at, state, why });
  }

  pods(at: ClusterName): Promise<string[]> {
    return podsOf(this.#world.hand.api, at);
  }
}
