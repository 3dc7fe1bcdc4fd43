import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Informer } from '../../operator/kube/informer.ts';
import type { KubeObject } from '../../operator/kube/objects.ts';
import { foregroundClock as clock } from '../../protocol/clock.ts';
import { until } from '../deadline.ts';
import { isStopped, processId } from '../lab/processes.ts';
import { type Connected, configMaps, connect, kubeconfigOf } from './kube-target.ts';
import { labOf, startTarget, type Target } from './target.ts';
import { namespace } from './workload.ts';

interface Written extends KubeObject {
  readonly data?: { readonly identity: string; readonly count: string };
}

/** A process that would lead. */
class Elector {
  readonly identity: string;
  readonly process: ChildProcess;
  readonly said: string[] = [];

  constructor(file: string, inNamespace: string, identity: string) {
    const program = join(import.meta.dirname, 'kube-elector-main.ts');
    this.identity = identity;
    this.process = spawn(process.execPath, [program, file, inNamespace, identity], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.said.push(...text.split('\n').filter((line) => line !== ''));
    });
  }

  says(line: string): boolean {
    return this.said.some((one) => one.startsWith(line));
  }

  /** Its last write, and when it asked whether it may send it (Unix ms). */
  get lastAsked(): { readonly count: number; readonly at: number } {
    const [, count, at] = this.said.join('\n').match(/^last asked (\d+) (\d+)$/m) ?? assert.fail();
    return { count: Number(count), at: Number(at) };
  }

  /** Resolves when nothing of it runs any more. */
  async freeze(): Promise<void> {
    this.process.kill('SIGSTOP');
    const id = processId(this.process.pid ?? assert.fail()) ?? assert.fail();
    await until(() => isStopped(id), { for: 'it to be frozen', deadlineMs: 5_000 });
  }

  async stop(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, 'exit');
    this.process.kill('SIGCONT');
    this.process.kill('SIGTERM');
    await ended;
  }
}

const nothing = () => {};
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };

describe('an election by a Lease of a real API server', () => {
  const NAMESPACE = `kube-election-${process.pid}`;
  let target: Target;
  let connected: Connected;
  let informer: Informer<Written>;
  /** Who wrote, and their counts, in the order of the API server. */
  const writers: string[] = [];
  const counts: number[] = [];
  const electors: Elector[] = [];

  const elector = (identity: string) => {
    const one = new Elector(kubeconfigOf(target), NAMESPACE, identity);
    electors.push(one);
    return one;
  };
  const wrote = (one: Elector, from = 0) => writers.slice(from).includes(one.identity);

  before(async () => {
    target = await startTarget({ nodes: 1 });
    await target.kubectl.apply(namespace(NAMESPACE));
    connected = await connect(target);
    informer = new Informer<Written>({
      ...{ api: connected.api, resource: configMaps, namespaces: [NAMESPACE], clock, log },
      random: Math.random,
      fieldSelector: 'metadata.name=written-by',
      handlers: [
        ({ is }) => {
          writers.push(is?.data?.identity ?? '');
          counts.push(Number(is?.data?.count));
        },
      ],
    });
    informer.start();
    await informer.synced(AbortSignal.timeout(30_000));
  });
  after(async () => {
    await Promise.all(electors.map((one) => one.stop()));
    await informer.stop();
    await connected.transport.close();
    await target.kubectl('delete', 'namespace', NAMESPACE, '--wait=false');
    await target.stop();
  });

  test('one leads; one that is stopped hands over at once', async () => {
    const first = elector('first');
    await until(() => wrote(first), { for: 'a write of the first', deadlineMs: 30_000 });
    const second = elector('second');
    await until(() => writers.length > 50, { for: 'more writes', deadlineMs: 30_000 });
    assert.ok(!wrote(second));
    const seen = await target.kubectl('-n', NAMESPACE, 'get', 'lease', 'elector', '-o', 'yaml');
    assert.match(seen, /holderIdentity: first/);
    assert.match(seen, /renewTime: "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"/);
    await first.stop();
    assert.ok(first.says('stopped'));
    const from = performance.now();
    await until(() => wrote(second), { for: 'a write of the second', deadlineMs: 10_000 });
    assert.ok(performance.now() - from < 10_000);
    assert.ok(!wrote(first, writers.indexOf('second')));
  });

  // What it had asked for may still be in its process (see `Election`): one write of a loop that
  // writes one after the other. Nothing else is, and nothing that it asked for later.
  test('a leader that was frozen asks for nothing after the thaw', async () => {
    const frozen = electors.find(({ identity }) => identity === 'second') ?? assert.fail();
    const next = elector('third');
    await until(() => wrote(frozen), { for: 'a write of the leader', deadlineMs: 10_000 });
    await frozen.freeze();
    const frozenAt = Date.now();
    const began = performance.now();
    await until(() => wrote(next), { for: 'a write of the next', deadlineMs: 40_000 });
    const waited = performance.now() - began;
    assert.ok(waited > 12_000, `the next one took over after ${waited} ms`);
    const since = writers.indexOf('third');
    frozen.process.kill('SIGCONT');
    await until(() => frozen.says('leading no more'), {
      for: 'it to know that it leads no more',
      deadlineMs: 10_000,
    });
    const before = writers.length;
    await until(() => writers.length > before + 100, { for: 'more writes', deadlineMs: 30_000 });
    const { count, at } = frozen.lastAsked;
    assert.ok(at <= frozenAt, `it asked for a write ${at - frozenAt} ms after it was frozen`);
    const late = counts.filter((_, index) => index > since && writers[index] === frozen.identity);
    assert.deepEqual(late, late.length === 0 ? [] : [count], 'only what it had asked for');
    assert.equal(writers.at(-1), 'third');
    assert.ok(!frozen.says('a write failed'), frozen.said.join('\n'));
  });

  test('nobody leads while the API server is frozen, and one does after the thaw', async (t) => {
    const lab = labOf(target, t, 'have its API server frozen');
    if (lab === undefined) return;
    const leader = electors.find(({ identity }) => identity === 'third') ?? assert.fail();
    const apiServer = lab.component('kube-apiserver');
    apiServer.freeze();
    try {
      await until(() => leader.says('leading no more'), {
        for: 'the leader to end its work',
        deadlineMs: 20_000,
      });
    } finally {
      apiServer.thaw();
    }
    const before = writers.length;
    await until(() => writers.length > before + 20, { for: 'a leader', deadlineMs: 90_000 });
  });
});
