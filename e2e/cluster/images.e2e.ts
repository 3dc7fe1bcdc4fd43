import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { targets } from '../../scripts/images/builders.ts';
import { pause, until } from '../deadline.ts';
import { productImage } from '../lab/product-images.ts';
import { DEFINITION, installDefinition, refuseDefinition } from './definition.ts';
import {
  assertAlone,
  assertBare,
  assertSmall,
  assertTold,
  ending,
  type PodName,
  residentBytes,
} from './image-claims.ts';
import {
  becomesReady,
  chat,
  GATEWAYS,
  home,
  leader,
  OPERATORS,
  startInstallable,
} from './installation.ts';
import { operators } from './operators.ts';
import type { Target } from './target.ts';
import { namespace } from './workload.ts';

const HOME = `images-${process.pid}`;
const SYSTEM = `images-system-${process.pid}`;
/** Whoever finds the Lease not released takes it after 15 s; one that is, when it looks again. */
const AT_ONCE_MS = 10_000;
/** An operator with so many, whose gateways wait for a node, holds no more within a minute. */
const MANY = 50;
const MOST_BYTES = 120_000_000;
const IDLE_MS = 60_000;
const LOOK_MS = 5_000;
/** Packages that one image has, and the other does not. */
const KNOWN = { gateway: ['fastify', 'undici'], operator: ['undici', 'fastify'] } as const;

describe('the images, in pods that are restricted', () => {
  let target: Target;

  const podOf = async (image: (typeof targets)[number]): Promise<PodName> => {
    const [where, label] = image === 'gateway' ? [HOME, GATEWAYS] : [SYSTEM, OPERATORS];
    const path = '-o=jsonpath={.items[0].metadata.name}';
    return {
      namespace: where,
      name: await target.kubectl('-n', where, 'get', 'pods', '-l', label, path),
    };
  };
  /** The name of a pod, and an identity of its process. */
  const holder = async (): Promise<string> => {
    const path = '-o=jsonpath={.spec.holderIdentity}';
    return target.kubectl('-n', SYSTEM, 'get', 'lease/wscluster-operator', path);
  };

  before(async () => {
    target = await startInstallable();
    await refuseDefinition(target.kubectl);
    await installDefinition(target.kubectl);
    await target.kubectl.apply(namespace(SYSTEM));
    await home(target.kubectl, HOME);
    const [image, gatewayImage] = [
      (await productImage('operator')).name,
      (await productImage('gateway')).name,
    ];
    const options = { namespace: SYSTEM, image, watch: HOME, gatewayImage };
    await target.kubectl.apply(...operators(options));
    await target.kubectl(
      ...['-n', SYSTEM, 'rollout', 'status', 'deployment/operator', '--timeout=120s'],
    );
  });

  after(async () => {
    await target.kubectl('delete', DEFINITION, '--ignore-not-found', '--timeout=60s');
    for (const name of [HOME, SYSTEM]) {
      await target.kubectl('delete', 'namespace', name, '--ignore-not-found', '--wait=false');
    }
    await target.stop();
  });

  test('one of two operators leads, with the account of its pod', async () => {
    await target.kubectl.apply(chat(HOME, { replicas: 1 }));
    await becomesReady(target.kubectl, HOME);
  });

  for (const image of targets) {
    test(`that of the ${image} is small`, async () => {
      await assertSmall(target.kubectl, (await productImage(image)).name);
    });

    test(`that of the ${image} has no shell, no root, and nothing to write to`, async () => {
      await assertBare(target.kubectl, await podOf(image));
    });

    test(`that of the ${image} says what it is made of`, async () => {
      await assertTold(target.kubectl, await podOf(image), KNOWN[image]);
    });

    test(`that of the ${image} has one process, which leaves no zombie`, async () => {
      await assertAlone(target.kubectl, await podOf(image));
    });
  }

  test('a gateway that is told to end does so with 0', async () => {
    assert.equal(await (await ending(target.kubectl, await podOf('gateway')))(), 0);
    await becomesReady(target.kubectl, HOME);
  });

  test('so does an operator, and lets go of its Lease', async () => {
    const was = await holder();
    const name = await leader(target.kubectl, SYSTEM);
    const sentAt = performance.now();
    const exitCode = await ending(target.kubectl, { namespace: SYSTEM, name });
    const next = await until(
      async () => {
        const now = await holder();
        return now !== was && now !== '' && now;
      },
      { for: () => `another leader than ${was}`, deadlineMs: 60_000, everyMs: 100 },
    );
    const took = performance.now() - sentAt;
    console.log(`another one leads after ${Math.round(took)} ms`);
    assert.ok(took < AT_ONCE_MS, `${next} leads after ${took} ms`);
    assert.equal(await exitCode(), 0);
    await target.kubectl.apply(chat(HOME, { replicas: 2 }));
    await becomesReady(target.kubectl, HOME);
  });

  test(`an operator with ${MANY} WsClusters and nothing to do is small`, async () => {
    const nowhere = { pod: { nodeSelector: { 'example.com/is': 'nowhere' } } };
    const names = Array.from({ length: MANY }, (_, at) => `idle-${at}`);
    await target.kubectl.apply(...names.map((name) => chat(HOME, nowhere, name)));
    const reason = '{.items[*].status.conditions[?(@.type=="Degraded")].reason}';
    const waiting = async () => {
      const reasons = await target.kubectl('-n', HOME, 'get', 'wsc', `-o=jsonpath=${reason}`);
      return reasons.split(' ').filter((one) => one === 'Unschedulable').length;
    };
    await until(async () => (await waiting()) === MANY, {
      for: `${MANY} WsClusters to wait for a node`,
      ...{ deadlineMs: 120_000, everyMs: 500 },
    });
    const pod = { namespace: SYSTEM, name: await leader(target.kubectl, SYSTEM) };
    const seen: number[] = [];
    for (const began = performance.now(); performance.now() - began < IDLE_MS; ) {
      seen.push(await residentBytes(target.kubectl, pod));
      await pause(LOOK_MS);
    }
    console.log(`${seen.map((bytes) => Math.round(bytes / 1e6)).join(', ')} MB`);
    assert.ok(Math.max(...seen) <= MOST_BYTES, `${Math.max(...seen)} bytes`);
  });
});
