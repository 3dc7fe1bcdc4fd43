import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GatewayError, type GatewayPod } from '../gateways/gateway-client.ts';
import type { ApiServer, Call } from '../kube/connection.ts';
import { refused } from '../kube/kube-error.ts';
import { RecordingLog } from '../kube/testing/recording-log.ts';
import type { ObservedPod } from './copies.ts';
import { DRAINING_LABEL, DRAINING_SINCE, DRAINING_WHY } from './desired/names.ts';
import { DrainMarks } from './drain-marks.ts';
import { drain, mark } from './movements.ts';
import { gatewayStatus, gatewayView, NOW } from './testing/gateway-views.ts';

const { signal } = new AbortController();

function pod(name: string, labels = {}, annotations = {}): ObservedPod {
  const running = { state: { running: {} }, name: 'gateway', image: '', imageID: '' };
  return {
    metadata: { name, namespace: 'rooms', uid: `uid-${name}`, labels, annotations },
    status: {
      ...{ phase: 'Running', podIP: `ip-${name}` },
      containerStatuses: [{ ...running, ready: true, restartCount: 0 }],
    },
  };
}

function bench(fault?: (call: Call) => number | undefined) {
  const calls: Call[] = [];
  const api: ApiServer = {
    call: async (call) => {
      calls.push(call);
      const code = fault?.(call);
      if (code !== undefined) throw refused({ code, what: 'x', status: undefined, wallMs: 0 });
      return {};
    },
    watch: () => assert.fail(),
  };
  const told: string[] = [];
  let refusal: GatewayError | undefined;
  const tell =
    (what: string) =>
    async ({ ip }: GatewayPod, _signal: AbortSignal, withinMs?: number) => {
      told.push(withinMs === undefined ? `${what} ${ip}` : `${what} ${ip} ${withinMs}`);
      if (refusal !== undefined) throw refusal;
      return {};
    };
  const gateways = { drain: tell('drain'), stay: tell('stay') };
  const parts = { marks: new DrainMarks(api), gateways, log: new RecordingLog() };
  const refuse = (error: GatewayError) => {
    refusal = error;
  };
  return { calls, told, parts, refuse };
}

const marked = { reason: 'Rollout' as const, since: NOW };
const victim = (name: string) => ({ gateway: gatewayView(name), reason: 'ScaleDown' as const });
const phases = (all: Awaited<ReturnType<typeof mark>>) => all.map(({ phase }) => phase);

describe('movements of gateways', () => {
  it('write down who is to be emptied, of the very pod, past its spec', async () => {
    const { calls, parts } = bench();
    const pods = [pod('a'), pod('b')];
    const gateways = [gatewayView('a'), gatewayView('b')];
    const fleet = { victims: [victim('a')], recalled: [] };
    const after = await mark(parts, { pods, gateways, fleet, wallMs: NOW + 700 }, signal);
    assert.deepEqual(phases(after), ['leaving', 'running']);
    assert.deepEqual(after[0]?.mark, { reason: 'ScaleDown', since: NOW });
    const [{ path, body } = { path: '', body: {} }] = calls;
    assert.equal(path, '/api/v1/namespaces/rooms/pods/a/status');
    const { metadata } = body as { metadata: { uid: string; annotations: object } };
    assert.equal(metadata.uid, 'uid-a');
    assert.equal(parts.marks.of(pods[0] as ObservedPod)?.reason, 'ScaleDown', 'before the copy is');
  });

  it('leave out who is gone, and stop at what may be over soon', async () => {
    const pods = [pod('a'), pod('b')];
    const gateways = [gatewayView('a'), gatewayView('b')];
    const fleet = { victims: [victim('a'), victim('b')], recalled: [] };
    const gone = bench(({ path }) => (path.includes('/a/') ? 404 : undefined));
    const after = await mark(gone.parts, { pods, gateways, fleet, wallMs: NOW }, signal);
    assert.deepEqual(phases(after), ['running', 'leaving']);
    const busy = bench(() => 500);
    await assert.rejects(mark(busy.parts, { pods, gateways, fleet, wallMs: NOW }, signal));
  });

  it('call back before the mark goes, and not who ends whatever comes', async () => {
    const labels = { [DRAINING_LABEL]: 'true' };
    const said = { [DRAINING_SINCE]: '2026-01-01T00:00:00Z', [DRAINING_WHY]: 'Rollout' };
    const pods = [pod('a', labels, said)];
    const gateway = gatewayView('a', { mark: marked, phase: 'leaving' });
    const movement = { pods, gateways: [gateway], fleet: { victims: [], recalled: [gateway] } };
    const stays = bench();
    const after = await mark(stays.parts, { ...movement, wallMs: NOW }, signal);
    assert.deepEqual([stays.told, phases(after)], [['stay ip-a'], ['running']]);
    assert.doesNotMatch(JSON.stringify(stays.calls), /drain-cancelled/);
    assert.equal(stays.parts.marks.of(pods[0] as ObservedPod), undefined);
    const ends = bench();
    ends.refuse(new GatewayError('it was told to end', 409));
    assert.deepEqual(phases(await mark(ends.parts, { ...movement, wallMs: NOW }, signal)), [
      'leaving',
    ]);
    assert.deepEqual(ends.calls, []);
    assert.deepEqual(ends.parts.marks.of(pods[0] as ObservedPod), marked);
  });

  it('remember that somebody wanted one to stay', async () => {
    const mine = { reason: 'Requested' as const, since: NOW };
    const gateway = gatewayView('a', { mark: mine, phase: 'leaving' });
    const { calls, parts } = bench();
    const fleet = { victims: [], recalled: [gateway] };
    await mark(parts, { pods: [pod('a')], gateways: [gateway], fleet, wallMs: NOW }, signal);
    assert.match(JSON.stringify(calls), /"wscluster.io\/drain-cancelled":"2026-01-01T00:00:00Z"/);
  });

  it('bring back who leaves and is to stay: nobody wrote it down', async () => {
    const edge = { connections: 3, sessions: 0, drain: 'leaving' };
    const astray = gatewayView('a', {
      phase: 'leaving',
      report: { status: gatewayStatus({ edge }) },
    });
    const { told, calls, parts } = bench();
    const fleet = { victims: [], recalled: [] };
    await mark(parts, { pods: [pod('a')], gateways: [astray], fleet, wallMs: NOW }, signal);
    assert.deepEqual([told, calls], [['stay ip-a'], []]);
  });

  it('tell those that serve still, and fail for nobody who does not hear', async () => {
    const edge = { connections: 3, sessions: 0, drain: 'leaving' };
    const gateways = [
      gatewayView('a', { mark: marked, phase: 'leaving' }),
      gatewayView('b', { mark: marked, report: { status: gatewayStatus({ edge }) } }),
      gatewayView('c', { mark: marked, endsBy: NOW }),
      gatewayView('d'),
    ];
    const { told, parts, refuse } = bench();
    refuse(new GatewayError('connection refused'));
    const pods = ['a', 'b', 'c', 'd'].map((name) => pod(name));
    await drain(parts, { pods, gateways, wallMs: NOW }, signal);
    assert.deepEqual(told, ['drain ip-a']);
  });

  it('tell those that are ended sooner than they know, or do not know it', async () => {
    const ending = (name: string, endsInMs: number, drainRemainingMs?: number) => {
      const drain = drainRemainingMs === undefined ? 'serving' : 'leaving';
      const edge = { connections: 3, sessions: 0, drain, drainRemainingMs };
      const report = { status: gatewayStatus({ edge }) };
      return gatewayView(name, { phase: 'leaving', endsBy: NOW + endsInMs, report });
    };
    const gateways = [
      ending('usual', 329_500, 300_000),
      ending('usual-later', 40_000, 10_000),
      ending('spot', 120_000, 300_000),
      ending('sudden', 15_000, 60_000),
      ending('told', 13_000, 10_000),
      ending('unaware', 330_000),
      ending('overdue', -1_000, 300_000),
      gatewayView('silent', { endsBy: NOW + 15_000, report: { problem: 'no answer' } }),
    ];
    const { told, parts } = bench();
    const pods = gateways.map(({ name }) => pod(name));
    await drain(parts, { pods, gateways, wallMs: NOW }, signal);
    assert.deepEqual(told, [
      'drain ip-spot 96000',
      'drain ip-sudden 12000',
      'drain ip-unaware 300000',
    ]);
  });
});
