import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { settings } from '../../operator/api/fields.ts';
import { minimal } from '../../operator/api/testing/samples.ts';
import { kind, versions } from '../../operator/api/wscluster.ts';
import { KubeError } from '../../operator/kube/kube-error.ts';
import { pathOf } from '../../operator/kube/resource.ts';
import { wsClusters } from '../../operator/reconcile/resources.ts';
import { OperatorWorld } from './operator-world.ts';

const NAMESPACE = `urls-${process.pid}`;
const RUNS = 400;

const GOOD = [
  'https://id.example.com/jwks.json',
  'http://keycloak.auth.svc:8080/realms/chat/protocol/openid-connect/certs?a=b',
  'https://id_1.example.com./',
  'https://xn--bcher-kva.example',
  'https://10.0.0.1:6443/openid/v1/jwks',
  'https://[fd00::1]:443/jwks',
  'https://[1:2:3:4:5:6:7:8]/',
  'https://[::ffff:1:2]',
];
/** What one of the two takes and the other does not. */
const BAD = [
  'https://host:99999/',
  'https://256.1.1.1/',
  'https://1.2.3.4.5/',
  'https://host.09/',
  'https://host.0x1/',
  'https://a<b/',
  'https://:443/',
  'https://[fe80::1%25eth0]/',
  'https://[1::2::3]/',
  'https://[1:2:3:4:5:6:7:8::]/',
  'https://user:word@id.example.com/',
  'https:///jwks.json',
];

/** Parts of URLs, right and wrong, in any order. */
const parts = fc.constantFrom(
  ...['a', 'host', 'xn--', '-', '.', '..', '_', '0', '9', '255', '256', '0x1', '08', ':', '::'],
  ...['[', ']', '[::1]', '1:2', ':443', ':65535', ':65536', '/', '//', '\\', '?', '#', '@', '%'],
  ...['%20', '%zz', '<', '^', '|', 'ü', ' ', '&', '=', '+', "'", '"', '{', '*', '$', ';', ','],
);
const anyUrl = fc.oneof(
  fc.tuple(fc.constantFrom('http://', 'https://'), fc.array(parts, { maxLength: 8 })),
  fc.tuple(fc.constantFrom('https://host', 'https://1.2.3.4'), fc.array(parts, { maxLength: 5 })),
);

describe('a URL in a WsCluster', () => {
  let world: OperatorWorld;
  before(async () => {
    world = await OperatorWorld.start({ nodes: 0, namespaces: [NAMESPACE] });
  });
  after(() => world?.stop());

  /** Whether an API server would store it; nothing is. */
  async function isTaken(url: string): Promise<boolean> {
    const path = pathOf(wsClusters, { namespace: NAMESPACE });
    const body = {
      ...{ apiVersion: `${kind.group}/${versions.stored}`, kind: kind.kind },
      metadata: { name: 'chat', namespace: NAMESPACE },
      spec: { ...minimal, auth: { jwks: { url } } },
    };
    try {
      await world.hand.api.call({ method: 'POST', path, query: { dryRun: 'All' }, body });
      return true;
    } catch (error) {
      if (error instanceof KubeError && error.status === 422) return false;
      throw error;
    }
  }

  /** Whether a gateway starts with it and can ask for it. */
  function isUsable(url: string): boolean {
    if (!settings.auth.jwksUrl.safeParse(url).success) return false;
    const { username, password } = new URL(url);
    return username === '' && password === '';
  }

  for (const url of GOOD) {
    test(`${url} is taken`, async () => {
      assert.ok(isUsable(url));
      assert.ok(await isTaken(url));
    });
  }
  for (const url of BAD) {
    test(`${url} is refused`, async () => assert.equal(await isTaken(url), false));
  }

  test('that is taken is one that gateways can use, whatever it is', async (t) => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(anyUrl, async ([begin, rest]) => {
        const url = begin + rest.join('');
        if (!(await isTaken(url))) return;
        taken += 1;
        assert.ok(isUsable(url), url);
      }),
      { numRuns: RUNS },
    );
    t.diagnostic(`${taken} of ${RUNS} were taken`);
    assert.ok(taken > RUNS / 20);
  });
});
