import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { until } from '../deadline.ts';
import { DEFINITION, refuseDefinition } from './definition.ts';
import { CHART, helms } from './helm.ts';
import { becomesReady, chat, GATEWAYS, home, livesOf, startInstallable } from './installation.ts';
import { bare } from './readiness-time.ts';
import type { Target } from './target.ts';
import { bystander, type Visited, visitor, wscat } from './visitor/pod.ts';

const README = join(import.meta.dirname, '..', '..', 'README.md');
/** That of README. */
const SYSTEM = 'wscluster-system';
const HOME = `quick-${process.pid}`;
const ADMIN_PORT = 9001;
/** A Service sends each anywhere: of so many, none at one of three in a run of 60,000. */
const CLIENTS = 30;
const ROUNDS = 3;
const MOST_TIMES = 3;

interface Status {
  readonly edge?: { readonly connections: number };
}

describe('what README shows first, on a cluster', () => {
  let target: Target;

  const inHome = (...args: readonly string[]) => target.kubectl('-n', HOME, ...args);
  const gateways = () => livesOf(target.kubectl, HOME, GATEWAYS);
  const gatewayPods = async (): Promise<string[]> => {
    const path = '-o=jsonpath={.items[*].metadata.name}';
    return (await inHome('get', 'pods', '-l', GATEWAYS, path)).split(' ').filter(Boolean);
  };
  const statusOf = async (pod: string): Promise<Status> => {
    const path = `/api/v1/namespaces/${HOME}/pods/${pod}:${ADMIN_PORT}/proxy/admin/status`;
    return JSON.parse(await target.kubectl('get', '--raw', path)) as Status;
  };
  const replicas = async () =>
    Number(await inHome('get', 'wsc/chat', '-o=jsonpath={.status.replicas}'));
  const nobodyServes = () =>
    until(async () => (await gatewayPods()).length === 0, {
      for: 'the gateways to be gone',
      ...{ deadlineMs: 120_000, everyMs: 250 },
    });
  /** By HTTP, from a pod that stays: those of the clients end with what they hear. */
  const publish = async (topic: string, data: unknown): Promise<void> => {
    const request = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ topic, data }),
    };
    const script = `fetch('http://chat/v1/publish', ${JSON.stringify(request)})
      .then(async (answer) => console.log(answer.status, await answer.text()));`;
    assert.match(await inHome('exec', 'bystander', '--', 'node', '-e', script), /^200 /);
  };
  const said = async (pod: string) => (await inHome('logs', pod)).trim().split('\n');
  /** The runtime may write what a container said after its end was told: to the last brace. */
  const visited = async (): Promise<Visited> => {
    let last = '';
    const isWhole = async () => {
      last = (await said('visitor')).at(-1) ?? '';
      return last.startsWith('{') && last.endsWith('}]}');
    };
    await until(isWhole, {
      for: () =>
        `all that the clients have to tell, not ${last.length} characters: ${last.slice(-40)}`,
      ...{ deadlineMs: 30_000, everyMs: 500 },
    });
    return JSON.parse(last) as Visited;
  };

  before(async () => {
    target = await startInstallable();
    await refuseDefinition(target.kubectl);
    await home(target.kubectl, HOME);
  });

  after(async () => {
    const [, helm] = await helms(target.lab?.kubeconfig ?? process.env['E2E_KUBECONFIG']);
    await helm.attempt('uninstall', 'wscluster', '-n', SYSTEM, '--ignore-not-found', '--wait');
    await target.kubectl('delete', DEFINITION, '--ignore-not-found', '--timeout=60s');
    for (const name of [HOME, SYSTEM]) {
      await target.kubectl('delete', 'namespace', name, '--ignore-not-found', '--wait=false');
    }
    await target.stop();
  });

  test('its commands, word for word', async () => {
    const { install, object, wait, get, scale } = await commands();
    const [, helm] = await helms(target.lab?.kubeconfig ?? process.env['E2E_KUBECONFIG']);
    await helm(...install.map((word) => (word === 'charts/wscluster' ? CHART : word)));
    await target.kubectl.piped(['-n', HOME, 'apply', '-f', '-'], object);
    await inHome(...wait, '--timeout=180s');
    await until(async () => /^chat +True +3 +0 +1\.\d+ /m.test(await inHome(...get)), {
      for: 'the columns to say so',
      ...{ deadlineMs: 60_000, everyMs: 250 },
    });
    assert.match(await inHome(...get), /^NAME +READY +PODS +CONNECTIONS +RING +AGE/);
    const was = await gateways();
    await inHome(...scale);
    await until(async () => (await replicas()) === 5, {
      for: 'five gateways',
      ...{ deadlineMs: 120_000, everyMs: 250 },
    });
    await becomesReady(target.kubectl, HOME);
    const is = await gateways();
    assert.deepEqual(
      was.filter((life) => !is.includes(life)),
      [],
    );
  });

  test('a WsCluster is ready soon after a bare Deployment of the same pods would be', async () => {
    const took: { readonly cluster: number; readonly bare: number }[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      await inHome('delete', 'wsc/chat', '--timeout=60s');
      await nobodyServes();
      const began = performance.now();
      await target.kubectl.apply(chat(HOME, { replicas: 3 }));
      await inHome('wait', 'wsc/chat', '--for=condition=Ready', '--timeout=180s');
      const cluster = performance.now() - began;
      took.push({ cluster, bare: await bare(target.kubectl, HOME) });
    }
    const ratios = took.map((round) => round.cluster / round.bare);
    for (const { cluster, bare } of took) {
      console.log(`ready after ${cluster.toFixed()} ms; bare: ${bare.toFixed()} ms`);
    }
    console.log(`ratios: ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')}`);
    assert.ok(Math.min(...ratios) <= MOST_TIMES, `at least ${Math.min(...ratios)} times`);
  });

  test('wscat and the client package in other pods hear each other by its Service', async () => {
    const where = { namespace: HOME, image: target.node };
    await target.kubectl.apply(
      ...(await visitor({ ...where, url: 'ws://chat/ws', clients: CLIENTS })),
      ...(await wscat({ ...where, url: 'ws://chat/ws?topics=hello' })),
      ...bystander(where),
    );
    const isReady = async () =>
      (await target.kubectl.attempt('-n', HOME, 'logs', 'visitor')).stdout.includes('ready');
    await until(isReady, {
      for: 'the clients',
      ...{ deadlineMs: 60_000, everyMs: 500 },
    });
    const heard = async () => {
      const frames = (await said('wscat')).flatMap((line) => /\{.*\}/.exec(line) ?? []);
      return frames.map((frame) => (JSON.parse(frame) as { readonly data: unknown }).data);
    };
    await inHome('wait', 'pod/wscat', 'pod/bystander', '--for=condition=Ready', '--timeout=60s');
    const connected = async () => {
      const all = await Promise.all((await gatewayPods()).map(statusOf));
      const counts = all.map(({ edge }) => edge?.connections ?? 0);
      // Who publishes at one pod is heard at all of them only if all of them have somebody.
      assert.ok(
        counts.every((count) => count > 0),
        `${counts}`,
      );
      return counts.reduce((sum, count) => sum + count, 0);
    };
    await until(async () => (await connected()) === CLIENTS + 1, {
      for: 'wscat to be connected',
      ...{ deadlineMs: 30_000, everyMs: 250 },
    });
    for (const word of ['one', 'two', 'three']) await publish('hello', word);
    await until(async () => (await heard()).length >= 3, { for: 'three', deadlineMs: 10_000 });
    assert.deepEqual(await heard(), ['one', 'two', 'three']);
  });

  test('after kubectl delete pod clients go on elsewhere; nothing is lost, or twice', async () => {
    const [pod = ''] = await gatewayPods();
    await inHome('delete', 'pod', pod, '--timeout=90s');
    await until(async () => (await gateways()).length === 3, {
      for: 'another one in its place',
      ...{ deadlineMs: 60_000, everyMs: 250 },
    });
    await becomesReady(target.kubectl, HOME);
    await publish('end', 1);
    const phase = ['--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s'];
    await inHome('wait', 'pod/visitor', ...phase);
    const { published, told } = await visited();
    console.log(`${published} messages to ${told.length} clients`);
    assert.ok(published > 100, `${published} messages`);
    const all = Array.from({ length: published }, (_, n) => n);
    for (const { seen, gaps } of told) {
      assert.deepEqual(seen, all);
      assert.deepEqual(gaps, []);
    }
    const moved = told.filter(({ moves }) => moves.includes('drain')).length;
    assert.ok(moved > 0, 'nobody was at the pod that was deleted');
  });
});

interface Commands {
  readonly install: readonly string[];
  readonly object: object;
  readonly wait: readonly string[];
  readonly get: readonly string[];
  readonly scale: readonly string[];
}

/** The commands of README, without their first word. */
async function commands(): Promise<Commands> {
  const block = /^```sh\n(helm install [^`]*)^```/m.exec(await readFile(README, 'utf8'))?.[1] ?? '';
  const line = (start: string): string[] => {
    const found = block.split('\n').find((text) => text.startsWith(start));
    assert.ok(found !== undefined, `README has no line that starts with ${start}`);
    return found.replace(/#.*/, '').trim().split(/\s+/).slice(1);
  };
  const object = parse(/<<Y\n(.*?)^Y$/ms.exec(block)?.[1] ?? '') as object;
  return {
    install: line('helm install'),
    object,
    wait: line('kubectl wait'),
    get: line('kubectl get'),
    scale: line('kubectl scale'),
  };
}
