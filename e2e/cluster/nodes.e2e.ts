import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from '../deadline.ts';
import { labOf, startTarget, type Target } from './target.ts';
import { namespace, web } from './workload.ts';

const NODES = ['node-1', 'node-2', 'node-3'];
const NAMESPACE = 'nodes';

describe('a lab of three nodes', { skip: skipReason() }, () => {
  let target: Target;

  const readyOf = async (node: string): Promise<string> => {
    const path = '{.status.conditions[?(@.type=="Ready")].status}';
    return target.kubectl('get', 'node', node, '-o', `jsonpath=${path}`);
  };

  before(async () => {
    target = await startTarget({ nodes: NODES.length });
    await target.kubectl.apply(namespace(NAMESPACE));
  });

  after(() => target.stop());

  test('has a zone for each', async () => {
    const zone = '{.items[*].metadata.labels.topology\\.kubernetes\\.io/zone}';
    assert.equal(await target.kubectl('get', 'nodes', '-o', `jsonpath=${zone}`), 'a b c');
  });

  test('spreads pods over the nodes, and each hears all others by one Service', async () => {
    const options = { namespace: NAMESPACE, image: target.node, replicas: 3, version: '1' };
    await target.kubectl.apply(...web({ ...options, spread: true }));
    const rollout = ['rollout', 'status', 'deployment/web', '--timeout=120s'];
    await target.kubectl('-n', NAMESPACE, ...rollout);
    const pods = await placesOf(target);
    assert.deepEqual([...pods.values()].sort(), NODES);
    for (const pod of pods.keys()) {
      const heard = new Set<string>();
      await until(
        async () => {
          const script = `fetch('http://web/').then((r) => r.text()).then(console.log)`;
          const exec = ['-n', NAMESPACE, 'exec', pod, '--', 'node', '-e', script] as const;
          const { code, stdout } = await target.kubectl.attempt(...exec);
          if (code === 0) heard.add(stdout.split(' ')[0] ?? '');
          return heard.size === pods.size;
        },
        { for: () => `${pod} to hear all three, not ${[...heard]}`, deadlineMs: 60_000 },
      );
      assert.deepEqual([...heard].sort(), [...pods.keys()].sort());
    }
  });

  test('notices a frozen kubelet, and that it is back', async (t) => {
    const lab = labOf(target, t, 'have a kubelet frozen');
    if (lab === undefined) return;
    const kubelet = lab.component('kubelet-node-2');
    kubelet.freeze();
    try {
      const lost = async () => (await readyOf('node-2')) === 'Unknown';
      await until(lost, { for: 'node-2 not to be Ready', deadlineMs: 40_000, everyMs: 500 });
    } finally {
      kubelet.thaw();
    }
    const back = async () => (await readyOf('node-2')) === 'True';
    await until(back, { for: 'node-2 to be Ready', deadlineMs: 40_000, everyMs: 500 });
    assert.equal(await readyOf('node-1'), 'True');
  });
});

/** Node by pod. */
async function placesOf({ kubectl }: Target): Promise<Map<string, string>> {
  const list = await kubectl.get('pods', '-n', NAMESPACE, '-l', 'app=web');
  const { items } = list as {
    items: { metadata: { name: string }; spec: { nodeName: string } }[];
  };
  return new Map(items.map(({ metadata, spec }) => [metadata.name, spec.nodeName]));
}

function skipReason(): string | false {
  return process.env['E2E_KUBECONFIG'] === undefined
    ? false
    : 'E2E_KUBECONFIG: another cluster has the nodes that it has';
}
