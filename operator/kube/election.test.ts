import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Clock, Timer } from '../../protocol/clock.ts';
import { seeded } from '../../protocol/testing/chance.ts';
import { ManualClock, turn } from '../../protocol/testing/manual-clock.ts';
import type { ApiServer, Call } from './connection.ts';
import { Election, type ElectionOptions, NotLeading, type Term, whileLeading } from './election.ts';
import { failed } from './kube-error.ts';
import { microTime } from './lease.ts';
import { RecordingLog } from './testing/recording-log.ts';
import { StandInApi } from './testing/stand-in-api.ts';

const PATH = '/apis/coordination.k8s.io/v1/namespaces/ns/leases/operator';

/** One process that would lead. */
class Candidate {
  readonly log = new RecordingLog();
  readonly election: Election;
  readonly identity: string;
  readonly #server: StandInApi;
  /** Asked before a call; may wait, and throw. */
  before: (call: Call) => Promise<void> | void = () => {};
  /** Asked after a call had its effect. */
  after: (call: Call) => void = () => {};
  /** The same, and waits. */
  late: ((call: Call) => Promise<void>) | undefined;
  term: Term | undefined;
  signal: AbortSignal | undefined;
  terms = 0;
  /** What its work waits for after it was told to end. */
  lastWords: Promise<void> = Promise.resolve();

  constructor(server: StandInApi, identity: string, options: Partial<ElectionOptions> = {}) {
    this.#server = server;
    this.identity = identity;
    this.election = new Election({
      ...{ api: this.api, identity, namespace: 'ns', name: 'operator', log: this.log },
      ...{ clock: new ManualClock(), random: () => 0.5 },
      lead: (signal, term) => this.#lead(signal, term),
      ...options,
    });
  }

  get api(): ApiServer {
    return {
      call: async (call) => {
        await this.before(call);
        const answer = await this.#server.call(call);
        this.after(call);
        await this.late?.(call);
        return answer;
      },
      watch: (watching) => this.#server.watch(watching),
    };
  }

  /** It would write now if it had something to write. */
  get acts(): boolean {
    try {
      this.term?.check();
      return this.term !== undefined;
    } catch {
      return false;
    }
  }

  async #lead(signal: AbortSignal, term: Term): Promise<void> {
    this.term = term;
    this.signal = signal;
    this.terms += 1;
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await this.lastWords;
    this.term = undefined;
  }
}

function candidates(count: number, clock: Clock) {
  const server = new StandInApi();
  const all = Array.from(
    { length: count },
    (_, at) => new Candidate(server, `pod-${at}`, { clock }),
  );
  for (const { election } of all) election.start();
  const [first = assert.fail(), second = assert.fail()] = [...all, ...all];
  return { server, all, first, second };
}

const spec = (server: StandInApi): Record<string, unknown> => {
  const lease = server.get(PATH);
  assert.ok(lease !== undefined && 'spec' in lease);
  return lease.spec as Record<string, unknown>;
};

const unreachable = () => {
  throw failed('Unreachable', 'cut off');
};

describe('an election', () => {
  test('has one leader, who says so as Kubernetes does', async () => {
    const clock = new ManualClock();
    const { server, all, first, second } = candidates(2, clock);
    await clock.advance(60_000);
    assert.deepEqual([first.acts, second.acts], [true, false]);
    const { acquireTime, renewTime, ...rest } = spec(server);
    assert.deepEqual(rest, {
      ...{ holderIdentity: 'pod-0', leaseDurationSeconds: 15, leaseTransitions: 0 },
    });
    assert.match(String(renewTime), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.ok(String(renewTime) > String(acquireTime));
    assert.equal(microTime(1), '1970-01-01T00:00:00.001000Z');
    for (const { election } of all) await election.stop();
    assert.equal(clock.timers, 0);
  });

  test('releases at a stop, after the work has ended: the next one need not wait', async () => {
    const clock = new ManualClock();
    const { server, first, second } = candidates(2, clock);
    await clock.advance(5_000);
    const work = Promise.withResolvers<void>();
    first.lastWords = work.promise;
    const stopping = first.election.stop();
    await clock.advance(3_000);
    assert.equal(first.signal?.aborted, true);
    assert.equal(spec(server)['holderIdentity'], 'pod-0', 'it works still');
    assert.equal(second.acts, false);
    work.resolve();
    await stopping;
    assert.equal(spec(server)['holderIdentity'], '');
    await clock.advance(2_300);
    assert.equal(second.acts, true);
    assert.equal(spec(server)['leaseTransitions'], 1);
    await second.election.stop();
  });

  test('releases what its last renewal made, also one that was under way at the stop', async () => {
    const clock = new ManualClock();
    const { server, first, second } = candidates(2, clock);
    await clock.advance(5_000);
    // Its answer comes after the stop: until then nobody knows which version the Lease has.
    const answer = Promise.withResolvers<void>();
    first.late = async ({ method }) => {
      if (method !== 'PUT') return;
      first.late = undefined;
      await answer.promise;
    };
    await clock.until('a renewal', () => first.late === undefined);
    const stopping = first.election.stop();
    await turn();
    answer.resolve();
    await stopping;
    assert.equal(spec(server)['holderIdentity'], '', first.log.lines.join('\n'));
    await clock.advance(2_300);
    assert.equal(second.acts, true);
    await second.election.stop();
  });

  test('a leader that cannot renew ends its work before others may begin theirs', async () => {
    const clock = new ManualClock();
    const { first, second } = candidates(2, clock);
    await clock.advance(5_000);
    first.before = unreachable;
    const from = clock.now();
    await clock.until('the end of the first', () => !first.acts);
    const ended = clock.now() - from;
    assert.ok(ended <= 10_000, `ended after ${ended} ms`);
    await clock.until('the second', () => second.acts);
    const began = clock.now() - from;
    assert.ok(began - ended >= 4_000, `ended after ${ended}, began after ${began} ms`);
    assert.ok(began <= 20_000, `began after ${began} ms`);
    await Promise.all([first.election.stop(), second.election.stop()]);
  });

  test('a renewal counts from when it was sent, not from when its answer came', async () => {
    const clock = new ManualClock();
    const { first } = candidates(1, clock);
    await clock.advance(5_000);
    let sentAt = 0;
    first.before = async () => {
      if (sentAt > 0) unreachable();
      sentAt = clock.now();
      await new Promise<void>((resolve) => clock.after(4_900, resolve));
    };
    await clock.until('the end', () => sentAt > 0 && !first.acts);
    assert.ok(clock.now() - sentAt <= 10_000, `${clock.now() - sentAt} ms after it was sent`);
    await first.election.stop();
  });

  test('nobody believes a clock of anybody: only that the record changes', async () => {
    const clock = new ManualClock();
    const server = new StandInApi();
    const ages = ['1999-01-01T00:00:00.000000Z', '2999-01-01T00:00:00.000000Z'];
    for (const renewTime of ages) {
      server.put(PATH, {
        spec: {
          holderIdentity: 'foreign',
          leaseDurationSeconds: 15,
          renewTime,
          acquireTime: renewTime,
        },
      });
      const candidate = new Candidate(server, 'pod', { clock });
      candidate.election.start();
      for (let seconds = 0; seconds < 60; seconds += 10) {
        await clock.advance(10_000);
        server.put(PATH, { spec: spec(server) });
      }
      assert.equal(candidate.terms, 0, 'its holder lives');
      await clock.advance(14_000);
      assert.equal(candidate.terms, 0);
      await clock.advance(4_000);
      assert.equal(candidate.acts, true, 'its holder was silent for as long as it said');
      await candidate.election.stop();
    }
  });

  test('a leader that was frozen for a minute acts no more, whatever timers say', async () => {
    const clock = new ManualClock();
    const { server, first, second } = candidates(2, clock);
    await clock.advance(5_000);
    const { term = assert.fail(), signal = assert.fail() } = first;
    const api = whileLeading(first.api, term, signal);
    const write = { method: 'DELETE', path: '/api/v1/namespaces/ns/pods/p' } as const;
    server.put(write.path, {});
    clock.pass(60_000);
    await assert.rejects(api.call(write), NotLeading);
    assert.ok(server.get(write.path) !== undefined);
    assert.throws(() => term.check(), /leading no more: it was not renewed/);
    assert.equal(signal.aborted, true);
    await Promise.all([first.election.stop(), second.election.stop()]);
  });

  test('nor does one whose machine was suspended: its clock stood, the wall did not', async () => {
    const clock = new ManualClock();
    let slept = 0;
    const suspended: Clock = {
      now: () => clock.now(),
      wall: () => clock.wall() + slept,
      after: (delayMs: number, task: () => void): Timer => clock.after(delayMs, task),
    };
    const { first } = candidates(1, suspended);
    await clock.advance(5_000);
    assert.equal(first.acts, true);
    slept = 60_000;
    assert.equal(first.acts, false);
    await first.election.stop();
  });

  test('a renewal whose answer was lost, and a foreign write, end no term', async () => {
    const clock = new ManualClock();
    const { server, first } = candidates(1, clock);
    await clock.advance(5_000);
    let lost = 0;
    first.after = ({ method }) => {
      if (method === 'PUT' && lost++ === 0) unreachable();
    };
    await clock.advance(10_000);
    server.put(PATH, { ...server.get(PATH), metadata: { labels: { by: 'hand' } } });
    await clock.advance(30_000);
    assert.equal(lost > 1, true);
    assert.deepEqual([first.acts, first.terms], [true, 1]);
    await first.election.stop();
  });

  test('a leader whose Lease was deleted or taken leads no more', async () => {
    const clock = new ManualClock();
    const { server, first } = candidates(1, clock);
    await clock.advance(5_000);
    server.remove(PATH);
    await clock.until('the end', () => !first.acts, 8_000);
    await clock.until('another term', () => first.acts);
    server.put(PATH, { spec: { holderIdentity: 'foreign', leaseDurationSeconds: 15 } });
    await clock.until('the end', () => !first.acts, 8_000);
    await first.election.stop();
    assert.equal(spec(server)['holderIdentity'], 'foreign');
  });

  test('work that fails gives the Lease back', async () => {
    const clock = new ManualClock();
    const server = new StandInApi();
    const lead = () => Promise.reject(new Error('of the work'));
    const { election, log } = new Candidate(server, 'pod', { clock, lead });
    election.start();
    await clock.advance(1_000);
    assert.equal(spec(server)['holderIdentity'], '');
    assert.ok(log.lines.includes('error: the work of the leader failed'));
    await election.stop();
  });

  test('times that leave no time to end the work are refused', () => {
    const server = new StandInApi();
    const times = { leaseMs: 10_000, renewDeadlineMs: 10_000, retryMs: 2_000 };
    assert.throws(() => new Candidate(server, 'pod', { times }), RangeError);
  });

  test('never two act at a time, whatever becomes of what they send', async () => {
    for (let seed = 0; seed < 12; seed += 1) {
      const random = seeded(seed);
      const clock = new ManualClock();
      const { all } = candidates(3, clock);
      let cut: Candidate | undefined;
      for (const candidate of all) {
        candidate.before = async ({ signal }) => {
          await new Promise<void>((resolve) => clock.after(random() ** 4 * 8_000, resolve));
          signal?.throwIfAborted();
          if (candidate === cut || random() < 0.1) unreachable();
        };
        candidate.after = () => {
          if (random() < 0.1) unreachable();
        };
      }
      let led = 0;
      for (let second = 0; second < 240; second += 1) {
        if (second % 30 === 0) cut = all.find(({ acts }) => acts && random() < 0.7);
        await clock.advance(1_000);
        const acting = all.filter(({ acts }) => acts).map(({ identity }) => identity);
        assert.ok(acting.length <= 1, `seed ${seed}, second ${second}: ${acting.join(' and ')}`);
        led += acting.length;
      }
      assert.ok(led > 60, `seed ${seed}: somebody led in ${led} of 240 seconds`);
      const stopped = Promise.all(all.map(({ election }) => election.stop()));
      await clock.advance(60_000);
      await stopped;
      await turn();
    }
  });
});
