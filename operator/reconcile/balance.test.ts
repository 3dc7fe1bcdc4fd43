import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SHARDS } from '../../protocol/ring.ts';
import { minimal, stored } from '../api/testing/samples.ts';
import type { WsClusterSpecInput } from '../api/wscluster.ts';
import { ringBalanced } from './balance.ts';
import type { Condition } from './condition.ts';
import type { GatewayView } from './gateways.ts';
import type { Finding, Situation } from './situation.ts';
import { gatewayStatus, gatewayView, NOW } from './testing/gateway-views.ts';
import { situation } from './testing/situations.ts';
import { timeText } from './times.ts';

const MINUTE = 60_000;

const having = (name: string, connections: number, is: Partial<GatewayView> = {}) => {
  const edge = { connections, sessions: 0, drain: 'serving' };
  return gatewayView(name, { report: { status: gatewayStatus({ edge }) }, ...is });
};
const owning = (name: string, owned: number) => {
  const ring = { owned, members: 3 };
  return gatewayView(name, { report: { status: gatewayStatus({ ring }) } });
};

/** Looks again and again, as the operator does, with what the last look said. */
class Looks {
  #last: Condition | undefined;
  readonly #spec: Partial<WsClusterSpecInput>;

  constructor(spec: Partial<WsClusterSpecInput> = {}) {
    this.#spec = spec;
  }

  look(minutes: number, gateways: readonly GatewayView[], is: Partial<Situation> = {}): Finding {
    const conditions = this.#last === undefined ? [] : [this.#last];
    const cluster = { ...stored({ ...minimal, ...this.#spec }), status: { conditions } };
    const wallMs = NOW + minutes * MINUTE;
    const found = ringBalanced(situation(gateways, { cluster, wallMs, ...is }));
    const same = this.#last?.status === found.status;
    const lastTransitionTime = same ? this.#last?.lastTransitionTime : timeText(wallMs);
    this.#last = { ...found, lastTransitionTime: lastTransitionTime ?? '' };
    return found;
  }

  is(...args: Parameters<Looks['look']>): string {
    const { status, reason } = this.look(...args);
    return `${status} ${reason}`;
  }
}

const even = [having('a', 1_000), having('b', 1_000), having('c', 1_000)];
const uneven = [having('a', 2_000), having('b', 500), having('c', 500)];

describe('the balance of the ring', () => {
  it('is not known before gateways say something', () => {
    assert.equal(new Looks().is(0, [], { ring: undefined }), 'Unknown NoRing');
    assert.equal(new Looks().is(0, [gatewayView('a', { report: undefined })]), 'Unknown NotTold');
    assert.equal(new Looks().is(0, even), 'True Balanced');
  });

  it('is lost only when one has far more than its share for longer than a move takes', () => {
    const looks = new Looks({ disruption: { movesPerSecond: 10 } });
    assert.equal(looks.is(60, uneven), 'Unknown Settling');
    assert.equal(looks.is(66, uneven), 'Unknown Settling', '1,000 are moved in 100 s');
    const { status, reason, message } = looks.look(67, uneven);
    assert.equal(`${status} ${reason}`, 'False Unbalanced');
    assert.match(message, /^a has far more clients than its share, and keeps them: do very many/);
  });

  it('is given its time again whenever a gateway comes or leaves', () => {
    const looks = new Looks();
    assert.equal(looks.is(60, uneven), 'Unknown Settling');
    const young = having('d', 0, { readySince: NOW + 64 * MINUTE });
    assert.equal(looks.is(66, [...uneven, young]), 'Unknown Settling');
    const leaving = having('d', 10, { phase: 'leaving' });
    assert.equal(looks.is(80, [...uneven, leaving]), 'Unknown Settling');
    assert.equal(looks.is(81, uneven), 'False Unbalanced');
  });

  it('is not lost by what passes, and comes back when it is clearly better', () => {
    const looks = new Looks();
    assert.equal(looks.is(60, uneven), 'Unknown Settling');
    const better = [having('a', 1_400), having('b', 800), having('c', 800)];
    assert.equal(looks.is(61, better), 'Unknown Settling', 'not yet');
    assert.equal(looks.is(62, even), 'True Balanced');
    assert.equal(looks.is(63, better), 'True Balanced', 'it is not far');
    looks.look(70, uneven);
    assert.equal(looks.is(80, uneven), 'False Unbalanced');
    assert.equal(looks.is(81, better), 'False Unbalanced');
    assert.equal(looks.is(82, even), 'True Balanced');
  });

  it('is not that of few clients, nor of one gateway', () => {
    const few = [having('a', 140), having('b', 0), having('c', 0)];
    assert.equal(new Looks().is(60, few), 'True Balanced');
    assert.equal(new Looks().is(60, [having('a', 20_000)]), 'True Balanced');
  });

  it('is that of shards, too', () => {
    const third = Math.floor(SHARDS / 3);
    const looks = new Looks();
    assert.equal(looks.is(60, [owning('a', third), owning('b', third)]), 'True Balanced');
    const most = [owning('a', third * 2), owning('b', third)];
    looks.look(61, most);
    const { reason, message } = looks.look(67, most);
    assert.equal(reason, 'Unbalanced');
    assert.match(message, /^a owns far more than its share of the ring/);
  });

  it('keeps its words while there is one of that name, and says what the placement does', () => {
    const looks = new Looks({ placement: { mode: 'Any' } });
    looks.look(60, uneven);
    const first = looks.look(70, uneven);
    assert.match(first.message, /placement\.mode is Any/);
    const other = [having('a', 1_500), having('b', 2_000), having('c', 10)];
    assert.deepEqual(looks.look(71, other), first);
    const gone = [having('b', 2_000), having('c', 10)];
    assert.match(looks.look(72, gone).message, /^b has far more/);
  });
});
