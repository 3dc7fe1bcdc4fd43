import { isNotFound } from '../../operator/kube/kube-error.ts';
import { pathOf } from '../../operator/kube/resource.ts';
import { NAMES } from '../../operator/operator.ts';
import { until } from '../deadline.ts';
import { ApiProxy } from './api-proxy.ts';
import type { Connected } from './kube-target.ts';
import { OperatorProcess, type OperatorProcessOptions } from './operator-process.ts';
import type { Target } from './target.ts';

const leases = {
  group: 'coordination.k8s.io',
  ...{ version: 'v1', plural: 'leases', kind: 'Lease', namespaced: true },
};

/** An operator, and what stands between it and the API server. */
export interface Member {
  readonly operator: OperatorProcess;
  readonly proxy: ApiProxy;
}

/** When it is killed: before or after so many writing calls reached the API server. */
export interface Death {
  readonly call: number;
  readonly when: 'before' | 'after';
}

export interface TeamOptions
  extends Omit<OperatorProcessOptions, 'kubeconfig' | 'leads' | 'identity'> {
  /** Where proxies listen. Default: on the loopback. */
  readonly host?: string;
}

/** Two operators, each behind a proxy of its own: one leads, the other waits for its turn. */
export class OperatorTeam {
  readonly #target: Target;
  readonly #hand: Connected;
  readonly #options: TeamOptions;
  readonly #all = new Set<Member>();
  #leader: Promise<Member>;
  #standby: Promise<Member>;
  #members = 0;

  /** `hand`: of the test itself. */
  constructor(target: Target, hand: Connected, options: TeamOptions) {
    this.#target = target;
    this.#hand = hand;
    this.#options = options;
    this.#leader = this.#start();
    this.#standby = this.#leader.then(async (leader) => {
      await leader.operator.leading();
      return this.#start();
    });
    for (const member of [this.#leader, this.#standby]) member.catch(() => undefined);
  }

  /** Who leads. */
  async leader(): Promise<Member> {
    const member = await this.#leader;
    await member.operator.leading();
    return member;
  }

  standby(): Promise<Member> {
    return this.#standby;
  }

  async killLeaderAt(death: Death): Promise<Killing> {
    return this.killAt(await this.leader(), death);
  }

  /** At its n-th write from now on. */
  killAt({ operator, proxy }: Member, { call: at, when }: Death): Killing {
    let calls = 0;
    let done = (): void => {};
    const died = new Promise<void>((resolve) => {
      done = resolve;
    });
    const killing: Killing = { bit: undefined, died };
    const die = (what: string): 'hold' => {
      killing.bit = what;
      operator.kill().then(done, done);
      return 'hold';
    };
    const isIt = new WeakSet<object>();
    proxy.before = (call) => {
      // A dead one's calls on their way are its, too: they come no further.
      if (killing.bit !== undefined) return 'hold';
      if (call.kind !== 'write') return 'pass';
      calls += 1;
      if (calls === at) isIt.add(call);
      return isIt.has(call) && when === 'before' ? die(`${call.method} ${call.path}`) : 'pass';
    };
    proxy.after = (call) =>
      isIt.has(call) && when === 'after' ? die(`${call.method} ${call.path}`) : 'pass';
    return killing;
  }

  /** Nobody is killed after all. */
  async spareLeader(): Promise<void> {
    const { proxy } = await this.leader();
    proxy.before = () => 'pass';
    proxy.after = () => 'pass';
  }

  /**
   * The leader is dead, the other one takes over, and a third waits from then on. `runsOut`: when
   * the dead one's Lease has run out; else that is deleted, since the quarter of a minute until
   * then shows nothing more each time.
   */
  async succeed({ runsOut = false } = {}): Promise<void> {
    const dead = await this.#leader;
    await dead.operator.kill();
    const next = await this.#standby;
    const path = pathOf(leases, { namespace: this.#options.namespace, name: NAMES.lease });
    if (!runsOut) {
      await this.#hand.api.call({ method: 'DELETE', path }).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
    }
    this.#leader = Promise.resolve(next);
    await next.operator.leading();
    this.#standby = this.#start();
    this.#standby.catch(() => undefined);
    await this.#end(dead);
  }

  /** The other one leads by now, and who led waits. */
  async swap(): Promise<void> {
    const [leader, standby] = [this.#leader, this.#standby];
    await (await standby).operator.leading();
    this.#leader = standby;
    this.#standby = leader;
  }

  /** Resolves when the leader has written nothing for so long. */
  async quiet(ms: number): Promise<void> {
    const { proxy, operator } = await this.leader();
    let [writes, since] = [proxy.counts.write, performance.now()];
    await until(
      () => {
        if (proxy.counts.write !== writes)
          [writes, since] = [proxy.counts.write, performance.now()];
        return performance.now() - since >= ms;
      },
      { for: () => `no write for ${ms} ms:\n${operator.lastWords()}`, deadlineMs: 60_000 },
    );
  }

  async stop(): Promise<void> {
    await Promise.allSettled([this.#leader, this.#standby]);
    await Promise.all([...this.#all].map((member) => this.#end(member)));
  }

  async #start(): Promise<Member> {
    const { host, ...options } = this.#options;
    this.#members += 1;
    const identity = `operator-${this.#members}`;
    const proxy = await ApiProxy.open(this.#target, { host, name: identity });
    const { kubeconfig } = proxy;
    const given = { ...options, kubeconfig, identity, leads: false };
    const operator = await OperatorProcess.start(this.#target, given);
    const member = { operator, proxy };
    this.#all.add(member);
    return member;
  }

  async #end(member: Member): Promise<void> {
    if (!this.#all.delete(member)) return;
    await member.operator.kill();
    await member.proxy.close();
  }
}

export interface Killing {
  /** The call at which it died; undefined: it lives. */
  bit: string | undefined;
  readonly died: Promise<void>;
}
