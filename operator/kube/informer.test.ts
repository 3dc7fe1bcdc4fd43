import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { ManualClock, turn } from '../../protocol/testing/manual-clock.ts';
import { Informer, type InformerOptions } from './informer.ts';
import { failed, refused } from './kube-error.ts';
import type { Change } from './object-cache.ts';
import type { KubeObject } from './objects.ts';
import type { Resource } from './resource.ts';
import { RecordingLog } from './testing/recording-log.ts';
import { StandInApi } from './testing/stand-in-api.ts';

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

const configMaps: Resource = {
  ...{ group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true },
};
const at = (namespace: string, name: string) =>
  `/api/v1/namespaces/${namespace}/configmaps/${name}`;

let clock: ManualClock;
let api: StandInApi;
let log: RecordingLog;
let informer: Informer<ConfigMap>;
let told: string[];

const tell = ({ key, was, is }: Change<ConfigMap>) => {
  told.push(`${key}: ${was?.data?.['v'] ?? '-'} → ${is?.data?.['v'] ?? '-'}`);
};

function make(options: Partial<InformerOptions<ConfigMap>> = {}): void {
  clock = new ManualClock();
  api = new StandInApi();
  log = new RecordingLog();
  told = [];
  informer = new Informer<ConfigMap>({
    ...{ api, clock, log, resource: configMaps, namespaces: 'all', random: () => 0.5 },
    handlers: [tell],
    ...options,
  });
}

const put = (name: string, v: string, namespace = 'a') =>
  api.put(at(namespace, name), { data: { v } });
const put2 = (namespace: string, name: string, v: string) => put(name, v, namespace);
const lists = () => api.calls.length;
const error500 = () => refused({ code: 500, what: 'GET', status: undefined, wallMs: 0 });
const values = () => informer.list().map(({ data }) => data?.['v']);

async function start(): Promise<void> {
  informer.start();
  await turn();
}

afterEach(() => informer.stop());

describe('an informer', () => {
  test('lists, then follows', async () => {
    make();
    put('one', '1');
    await start();
    assert.equal(informer.state.synced, true);
    put('two', '2');
    put('one', '3');
    await turn();
    api.remove(at('a', 'two'));
    await turn();
    assert.deepEqual(told, ['a/one: - → 1', 'a/two: - → 2', 'a/one: 1 → 3', 'a/two: 2 → -']);
    assert.equal(informer.get('a/one')?.data?.['v'], '3');
    assert.deepEqual([lists(), api.watches.length], [1, 1]);
  });

  test('lists by pages, and all at once when the rest of them is gone', async () => {
    make();
    for (let count = 0; count < 1201; count += 1) put(`c${count}`, '1');
    await start();
    assert.equal(informer.list().length, 1201);
    assert.deepEqual(
      api.calls.map(({ query }) => query?.['limit']),
      [500, 500, 500],
    );

    api.calls.length = 0;
    api.fault = (asked) => {
      if ('method' in asked && asked.query?.['continue'] !== undefined) api.compact();
      return undefined;
    };
    api.compact();
    api.cut();
    await clock.advance(60_000);
    assert.deepEqual(
      api.calls.map(({ query }) => query?.['limit']),
      [500, 500, undefined],
    );
    assert.equal(informer.list().length, 1201);
  });

  test('tells the same of an object by list and by watch: its kind, times as text', async () => {
    make();
    const creationTimestamp = '2026-01-01T00:00:00Z';
    const fields = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { creationTimestamp } };
    api.put(at('a', 'listed'), fields);
    await start();
    api.put(at('a', 'watched'), fields);
    await turn();
    const [listed, watched] = ['a/listed', 'a/watched'].map((key) => {
      const { metadata, ...rest } = informer.get(key) ?? assert.fail();
      return { ...rest, created: 'creationTimestamp' in metadata && metadata.creationTimestamp };
    });
    assert.deepEqual(listed, watched);
    assert.equal(listed?.created, creationTimestamp);
    assert.equal(listed?.kind, 'ConfigMap');
  });

  test('survives every error of a list, with a growing wait', async () => {
    make();
    put('one', '1');
    api.fault = () => error500();
    await start();
    await clock.advance(60_000);
    const after1 = lists();
    assert.ok(after1 >= 6 && after1 <= 9, `${after1} lists in a minute of errors`);
    assert.equal(informer.state.synced, false);
    assert.equal(informer.state.errors.length, 1);
    await clock.advance(300_000);
    // No more than every half of the cap, however long it takes.
    assert.ok(lists() - after1 <= 20, `${lists() - after1} lists in five more minutes`);
    api.fault = () => undefined;
    await clock.advance(30_000);
    assert.deepEqual(values(), ['1']);
    assert.deepEqual(informer.state.errors, []);
  });

  test('that was cut off asks at a bounded pace, in one loop: client-node #1933', async () => {
    // There every restart added a loop that asked at once, and asked again at once.
    make();
    await start();
    api.fault = (asked) => ('method' in asked ? undefined : failed('Unreachable', 'cut'));
    api.cut(failed('Unreachable', 'cut'));
    await clock.advance(120_000);
    const asked = lists() + api.watches.length;
    assert.ok(asked < 24, `${asked} questions in two minutes`);
    api.fault = () => undefined;
    await clock.advance(30_000);
    assert.equal(api.open, 1);
    const before = lists() + api.watches.length;
    await clock.advance(120_000);
    assert.equal(lists() + api.watches.length, before);
    assert.throws(() => informer.start(), /started before/);
  });

  test('of whom every watch is ended at once does not ask in a hot loop', async () => {
    make();
    await start();
    for (let count = 0; count < 600; count += 1) {
      api.cut();
      await clock.advance(100);
    }
    assert.ok(api.watches.length < 12, `${api.watches.length} watches in a minute`);
  });

  test('is not behind by more than a moment when its watches are cut as they tell', async () => {
    make();
    await start();
    for (let count = 0; count < 100; count += 1) {
      put('one', String(count));
      await turn();
      api.cut(failed('Unreachable', 'reset'));
      await clock.advance(800);
    }
    assert.equal(informer.get('a/one')?.data?.['v'], '99');
    assert.ok(informer.state.ageMs <= 800, `${informer.state.ageMs} ms old`);
    assert.equal(lists(), 1);
  });

  test('goes on at once from the last version when the server ends a watch in peace', async () => {
    make();
    await start();
    put('one', '1');
    await turn();
    api.bookmark();
    await clock.advance(300_000);
    const version = api.put(at('b', 'other'), {}).metadata.resourceVersion;
    await turn();
    api.cut();
    await turn();
    assert.equal(api.watches.length, 2);
    assert.equal(api.watches[1]?.query['resourceVersion'], version);
    assert.equal(lists(), 1);
  });

  test('asks for bookmarks, and for an end at a time of its own', async () => {
    make({ random: () => 0 });
    await start();
    assert.equal(api.watches[0]?.query['allowWatchBookmarks'], true);
    assert.equal(api.watches[0]?.query['timeoutSeconds'], 300);
    assert.equal(api.watches[0]?.idleMs, 90_000);
  });

  for (const { how, cut } of [
    { how: 'in the stream', cut: true },
    { how: 'as the answer', cut: false },
  ]) {
    test(`lists anew after a 410 ${how}, and tells what it had missed`, async () => {
      make();
      put('stays', '1');
      put('goes', '1');
      await start();
      told.length = 0;
      const gone = refused({ code: 410, what: 'WATCH', status: undefined, wallMs: 0 });
      let offline = true;
      api.fault = (asked) =>
        offline && !('method' in asked) ? failed('Unreachable', '') : undefined;
      api.cut(cut ? gone : failed('Unreachable', 'reset'));
      await turn();
      api.remove(at('a', 'goes'));
      put('new', '1');
      put('stays', '2');
      api.compact();
      offline = false;
      await clock.advance(5_000);
      assert.deepEqual(told.sort(), ['a/goes: 1 → -', 'a/new: - → 1', 'a/stays: 1 → 2']);
      assert.equal(lists(), 2);
    });
  }

  test('goes on from its version after an outage, however long', async () => {
    make();
    put('one', '1');
    await start();
    api.fault = () => failed('Unreachable', 'refused');
    api.cut(failed('Unreachable', 'reset'));
    put('one', '2');
    await clock.advance(600_000);
    api.fault = () => undefined;
    await clock.advance(30_000);
    assert.deepEqual(told, ['a/one: - → 1', 'a/one: 1 → 2']);
    assert.equal(lists(), 1);
  });

  test('lists anew when a version is refused again and again, and nobody says 410', async () => {
    make();
    await start();
    // An etcd that was restored from a backup: the version is of a future that did not happen.
    const tooLarge = refused({ code: 504, what: 'WATCH', status: undefined, wallMs: 0 });
    let refusals = 0;
    api.fault = (asked) => {
      if ('method' in asked || refusals === 5) return undefined;
      refusals += 1;
      return tooLarge;
    };
    api.cut(tooLarge);
    await clock.advance(60_000);
    assert.equal(lists(), 3);
  });

  test('shows a list at once: no handler sees half of it', async () => {
    const seen: number[] = [];
    make({ handlers: [() => seen.push(informer.list().length)] });
    for (let count = 0; count < 5; count += 1) put(`c${count}`, '1');
    await start();
    assert.deepEqual(seen, [5, 5, 5, 5, 5]);
    seen.length = 0;
    api.fault = (asked) => ('method' in asked ? undefined : failed('Unreachable', ''));
    api.cut(failed('Unreachable', ''));
    await turn();
    for (let count = 0; count < 4; count += 1) api.remove(at('a', `c${count}`));
    api.compact();
    api.fault = () => undefined;
    await clock.advance(10_000);
    assert.deepEqual(seen, [1, 1, 1, 1]);
  });

  test('is not broken by a handler that throws', async () => {
    make();
    const throws = () => {
      throw new Error('of the handler');
    };
    make({ handlers: [throws, tell] });
    put('one', '1');
    await start();
    put('one', '2');
    await turn();
    assert.deepEqual(told, ['a/one: - → 1', 'a/one: 1 → 2']);
    assert.equal(lists(), 1);
    assert.ok(log.lines.includes('error: a handler of changes threw'));
  });

  test('lists anew after an event that says not what it is about', async () => {
    make();
    put('one', '1');
    await start();
    api.say(at('a', 'one'), { type: 'MODIFIED', object: { metadata: { name: 'one' } } });
    await clock.advance(5_000);
    assert.equal(lists(), 2);
    assert.deepEqual(values(), ['1']);
  });

  test('waits as long as the server asks', async () => {
    make();
    const status = { reason: 'TooManyRequests', retryAfterSeconds: 120 };
    api.fault = () => refused({ code: 429, what: 'LIST', status, wallMs: 0 });
    await start();
    await clock.advance(119_000);
    assert.equal(lists(), 1);
    await clock.advance(2_000);
    assert.equal(lists(), 2);
  });

  test('knows how old what it has is', async () => {
    make();
    assert.equal(informer.state.ageMs, Number.POSITIVE_INFINITY);
    await start();
    await clock.advance(60_000);
    assert.equal(informer.state.ageMs, 60_000);
    api.bookmark();
    await turn();
    assert.equal(informer.state.ageMs, 0);
  });

  test('keeps of an object what it is told to, by default all but managedFields', async () => {
    make();
    api.put(at('a', 'one'), { metadata: { managedFields: [{}] }, data: { v: '1' } });
    await start();
    assert.equal('managedFields' in (informer.get('a/one')?.metadata ?? {}), false);
    await informer.stop();
    make({ trim: ({ metadata }) => ({ metadata }) });
    put('one', '1');
    await start();
    assert.equal(informer.get('a/one')?.data, undefined);
  });

  test('of several namespaces is synced when all of them are, and mixes none up', async () => {
    make({ namespaces: ['a', 'b', 'a'], labelSelector: 'x=y' });
    put2('a', 'one', '1');
    put2('b', 'one', '2');
    put2('c', 'one', '3');
    api.fault = (asked) => (asked.path.includes('/b/') ? error500() : undefined);
    const synced = informer.synced(new AbortController().signal);
    await start();
    assert.equal(informer.state.synced, false);
    assert.deepEqual(values(), ['1']);
    api.fault = () => undefined;
    await clock.advance(5_000);
    await synced;
    assert.deepEqual(values().sort(), ['1', '2']);
    assert.ok(api.calls.every(({ query }) => query?.['labelSelector'] === 'x=y'));
    api.remove(at('a', 'one'));
    api.compact();
    api.cut();
    await clock.advance(5_000);
    assert.deepEqual(values(), ['2']);
  });

  test('stops when nothing is under way any more, also while it waits', async () => {
    make();
    await start();
    assert.equal(api.open, 1);
    await informer.stop();
    assert.equal(api.open, 0);
    make();
    api.fault = () => error500();
    await start();
    await informer.stop();
    assert.equal(clock.timers, 0);
  });
});
