import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { exportJWK, SignJWT } from 'jose';
import { until } from '../../e2e/deadline.ts';
import { firstRing } from '../../protocol/ring.ts';
import { ringDocumentBytes } from '../../protocol/ring-document.ts';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { openAdminKeys } from '../edge/auth/auth-secrets.ts';
import { silentAuthCounts } from '../edge/auth/counts.ts';
import { silentLogger } from '../logger.ts';
import { GivenRing } from '../ring/given.ts';
import { MemoryBoard } from '../ring/memory-board.ts';
import { RingKeeper } from '../ring/ring-keeper.ts';
import type { RingSource } from '../ring/ring-source.ts';
import { SelfOrganised } from '../ring/self-organised.ts';
import { documentOf, tallying } from '../ring/testing/fleet.ts';
import { createAdmin } from './admin-api.ts';
import { CommandTokens } from './command-tokens.ts';
import type { DrainOrders } from './commands.ts';

const operator = generateKeyPairSync('ed25519');
const next = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const stranger = generateKeyPairSync('ed25519');
const AUDIENCE = 'uid-of-pod-1';

const keySet = async (...keys: readonly KeyObject[]) =>
  JSON.stringify({ keys: await Promise.all(keys.map((key) => exportJWK(key))) });

const member = (id: string, weight = 1) => ({ id, weight, zone: '', address: `${id}:8001` });
const ringAt = (counter: number, ids: readonly string[] = ['a', 'b'], cluster = 'chat') =>
  documentOf(
    firstRing(
      { cluster, version: { generation: 1, counter } },
      ids.map((id) => member(id)),
    ),
  ).document;

interface Token {
  readonly lifeS?: number;
  readonly audience?: string;
  readonly key?: KeyObject;
  readonly alg?: string;
}

class Orders implements DrainOrders {
  phase = 'serving';
  /** It was told to end. */
  forGood = false;
  readonly within: (number | undefined)[] = [];

  begin(withinMs?: number): void {
    this.phase = 'announced';
    this.within.push(withinMs);
  }

  cancel(): boolean {
    if (!this.forGood) this.phase = 'serving';
    return !this.forGood;
  }

  progress(): object {
    return { phase: this.phase, connections: 3 };
  }
}

interface Rig {
  readonly orders: Orders;
  readonly tokens: CommandTokens;
  readonly source: RingSource;
  readonly counted: string[];
}

function sourceOf(clock: ManualClock, given: boolean) {
  const { tally, ...counts } = tallying();
  const shared = { clock, logger: silentLogger, counts };
  const keeper = new RingKeeper({ ...shared, cluster: 'chat' });
  const board = new MemoryBoard(clock);
  const load = () => ({ connections: 0, utilisation: 0 });
  const parts = { ...shared, keeper, board, load, pod: 'a', intervalMs: 1_000 };
  const source: RingSource = given
    ? new GivenRing({ ...parts, file: undefined })
    : new SelfOrganised({ ...parts, cluster: 'chat' });
  return { source, keeper, tally };
}

const appOf = ({ tokens, source, counted, orders }: Rig) =>
  createAdmin({
    ...{ pod: 'pod-1', host: '127.0.0.1', checks: () => [], status: () => ({}) },
    metrics: async () => ({ text: '', type: 'text/plain' }),
    probe: async () => {},
    commands: {
      tokens: () => tokens,
      ring: () => source,
      drain: () => orders,
      counts: { command: (command, outcome) => void counted.push(`${command} ${outcome}`) },
    },
    ...{ clock: new ManualClock(), logger: silentLogger },
  });

/** Whoever commands a gateway, rightly or not. */
function commander(app: ReturnType<typeof appOf>, clock: ManualClock) {
  const sign = ({ lifeS = 60, audience = AUDIENCE, key, alg = 'EdDSA' }: Token = {}) =>
    new SignJWT({ exp: Math.floor(clock.wall() / 1_000) + lifeS })
      .setProtectedHeader({ alg })
      .setAudience(audience)
      .sign(key ?? operator.privateKey);
  const put = async (body: string, headers: Record<string, string> = {}) =>
    app.inject({
      ...{ method: 'PUT', url: '/admin/ring', body },
      headers: { host: '127.0.0.1', 'content-type': 'application/json', ...headers },
    });
  const putSigned = async (body: string, token: Token = {}) =>
    put(body, { authorization: `Bearer ${await sign(token)}` });
  const drain = async (method: 'POST' | 'DELETE', token?: Token, body?: string) => {
    const signed = token && { authorization: `Bearer ${await sign(token)}` };
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const headers = { host: '127.0.0.1', ...signed, ...type };
    return app.inject({ method, url: '/admin/drain', headers, ...(body && { body }) });
  };
  return { put, putSigned, drain };
}

describe('commands to the admin port', () => {
  let folder = '';
  let files = 0;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wscluster-admin-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function opened({ keyless = false, given = true } = {}) {
    files += 1;
    const keysFile = join(folder, `keys-${files}`);
    await writeFile(keysFile, await keySet(operator.publicKey));
    const clock = new ManualClock();
    const parts = { clock, logger: silentLogger, counts: silentAuthCounts };
    const keys = keyless ? undefined : await openAdminKeys({ keysFile }, parts);
    const tokens = new CommandTokens({ keys, audience: AUDIENCE, clock });
    const { source, keeper, tally } = sourceOf(clock, given);
    const counted: string[] = [];
    const orders = new Orders();
    const app = appOf({ tokens, source, counted, orders });
    const { put, putSigned, drain } = commander(app, clock);
    const rotate = async (...keys: readonly KeyObject[]) => {
      await writeFile(keysFile, await keySet(...keys));
      await clock.advance(1_000);
      await until(() => clock.timers > 0, { for: 'a look', deadlineMs: 5_000, everyMs: 0 });
    };
    return {
      keeper,
      counted,
      tally,
      orders,
      put,
      putSigned,
      drain,
      rotate,
      close: () => keys?.close(),
    };
  }

  it('begin a drain and call it off, and are told how far it is', async () => {
    const { drain, orders, counted, close } = await opened();
    const begun = await drain('POST', {});
    assert.deepEqual(begun.json(), { phase: 'announced', connections: 3 });
    assert.equal((await drain('POST', {})).statusCode, 200, 'twice is once');
    const cancelled = await drain('DELETE', {});
    assert.deepEqual([cancelled.statusCode, cancelled.json().phase], [200, 'serving']);
    orders.begin();
    orders.forGood = true;
    const refused = await drain('DELETE', {});
    assert.deepEqual([refused.statusCode, refused.json().code], [409, 'conflict']);
    assert.equal(orders.phase, 'announced');
    assert.deepEqual(counted, ['drain ok', 'drain ok', 'drain ok', 'drain refused']);
    close();
  });

  it('say by when a drain has to be over, or say nothing that can be read', async () => {
    const { drain, orders, counted, close } = await opened();
    assert.equal((await drain('POST', {}, '{"withinMs":12000}')).statusCode, 200);
    assert.equal((await drain('POST', {}, '{}')).statusCode, 200);
    assert.equal((await drain('POST', {})).statusCode, 200);
    assert.deepEqual(orders.within, [12_000, undefined, undefined]);
    for (const body of ['{', 'null', '5', '{"withinMs":0}', '{"withinMs":1.5}']) {
      const { statusCode, json } = await drain('POST', {}, body);
      assert.equal(statusCode, 400, body);
      assert.match(json().message, /nothing, or \{"withinMs": N\}/);
    }
    assert.equal(orders.within.length, 3);
    assert.deepEqual(counted, [...Array(3).fill('drain ok'), ...Array(5).fill('drain refused')]);
    close();
  });

  it('are no strangers’: a drain needs the same token', async () => {
    const { drain, orders, counted, close } = await opened();
    const wrong = [undefined, { audience: 'uid-of-pod-2' }, { key: stranger.privateKey }];
    for (const token of [...wrong, { lifeS: -10 }, { lifeS: 3_600 }]) {
      for (const method of ['POST', 'DELETE'] as const) {
        assert.equal((await drain(method, token)).statusCode, 401);
      }
    }
    assert.equal(orders.phase, 'serving');
    assert.deepEqual(new Set(counted), new Set(['drain unauthenticated']));
    close();
  });

  it('bring a ring, and are told which one is in force', async () => {
    const { putSigned, keeper, counted, close } = await opened();
    const first = await putSigned(`${ringAt(1)}\n`);
    assert.equal(first.statusCode, 200);
    const version = { generation: 1, counter: 1 };
    assert.deepEqual(first.json(), { outcome: 'newer', version, digest: keeper.current?.digest });
    assert.equal((await putSigned(ringAt(1))).json().outcome, 'same');
    assert.equal((await putSigned(ringAt(3))).json().outcome, 'newer');
    const late = await putSigned(ringAt(2));
    assert.deepEqual([late.statusCode, late.json().outcome], [200, 'older']);
    assert.deepEqual(late.json().version, { generation: 1, counter: 3 });
    assert.deepEqual(counted, Array(4).fill('ring ok'));
    close();
  });

  const bad: readonly (readonly [string, Token, RegExp])[] = [
    ['signed by a stranger', { key: stranger.privateKey }, /signature/],
    ['for another gateway', { audience: 'uid-of-pod-2' }, /"aud"/],
    ['that has expired', { lifeS: -6 }, /expired/],
    ['that lives for too long', { lifeS: 66 }, /60 s at most/],
    ['signed by a key that is not in the file', { key: next.privateKey, alg: 'ES256' }, /no such/],
  ];
  for (const [what, token, message] of bad) {
    it(`are refused with a token ${what}`, async () => {
      const { putSigned, keeper, counted, close } = await opened();
      const answer = await putSigned(ringAt(1), token);
      assert.deepEqual([answer.statusCode, answer.json().code], [401, 'unauthenticated']);
      assert.match(answer.json().message, message);
      assert.equal(answer.headers['www-authenticate'], 'Bearer');
      assert.equal(keeper.current, undefined);
      assert.deepEqual(counted, ['ring unauthenticated']);
      close();
    });
  }

  it('are refused without a token, and with what is none, before the body is read', async () => {
    const { put, counted, close } = await opened();
    for (const authorization of [undefined, 'Bearer', 'Bearer nonsense', 'Basic YTpi']) {
      const headers = authorization === undefined ? {} : { authorization };
      const answer = await put('x'.repeat(ringDocumentBytes + 1), headers);
      assert.deepEqual([answer.statusCode, answer.json().code], [401, 'unauthenticated']);
    }
    assert.deepEqual(counted, Array(4).fill('ring unauthenticated'));
    close();
  });

  it('are refused by a gateway that was given no keys', async () => {
    const { putSigned, counted } = await opened({ keyless: true });
    const answer = await putSigned(ringAt(1));
    assert.deepEqual([answer.statusCode, answer.json().code], [403, 'forbidden']);
    assert.deepEqual(counted, ['ring unauthenticated']);
  });

  it('follow the keys in the file: a new one counts, one that is gone does not', async () => {
    const { putSigned, rotate, close } = await opened();
    const newKey = { key: next.privateKey, alg: 'ES256' };
    await rotate(operator.publicKey, next.publicKey);
    assert.equal((await putSigned(ringAt(1), newKey)).statusCode, 200);
    assert.equal((await putSigned(ringAt(2))).statusCode, 200);
    await rotate(next.publicKey);
    assert.equal((await putSigned(ringAt(3))).statusCode, 401);
    assert.equal((await putSigned(ringAt(3), newKey)).statusCode, 200);
    close();
  });

  const zeroWeight = ringAt(1).replace('["a",1,', '["a",0,');
  const refused: readonly (readonly [string, string, RegExp])[] = [
    ['of another cluster', ringAt(1, ['a'], 'games'), /games/],
    ['with a member of no weight', zeroWeight, /weight of a is a whole number from 1/],
    ['without members', ringAt(1).replace(/"members":\[.*?\]\]/, '"members":[]'), /at least one/],
    ['whose owners are cut', ringAt(1).replace(/A{8}/, ''), /owners must be 16384/],
    ['in another spelling', ringAt(1).replace('"format":1', '"format": 1'), /one spelling/],
    ['of a later format', ringAt(1).replace('"format":1', '"format":2'), /format must be 1/],
    ['that is not JSON', '{', /not JSON/],
  ];
  for (const [what, document, reason] of refused) {
    it(`leave the ring that is there for one ${what}`, async () => {
      const { putSigned, keeper, counted, close } = await opened();
      await putSigned(ringAt(0, ['a', 'b', 'c']));
      const answer = await putSigned(document);
      assert.deepEqual([answer.statusCode, answer.json().code], [400, 'bad_request']);
      assert.match(answer.json().message, reason);
      assert.equal(keeper.current?.ring.version.counter, 0);
      assert.deepEqual(counted, ['ring ok', 'ring refused']);
      close();
    });
  }

  it('may bring members that nobody here knows: nobody need have heard of them', async () => {
    const { putSigned, keeper, close } = await opened();
    assert.equal((await putSigned(ringAt(1, ['x', 'y']))).statusCode, 200);
    assert.deepEqual(
      keeper.current?.ring.members.map(({ id }) => id),
      ['x', 'y'],
    );
    close();
  });

  it('sound the alarm for another ring of the same version', async () => {
    const { putSigned, tally, close } = await opened();
    await putSigned(ringAt(1));
    assert.equal((await putSigned(ringAt(1, ['a', 'c']))).json().outcome, 'conflict');
    assert.equal(tally.conflicts, 1);
    close();
  });

  it('are too large beyond the largest ring', async () => {
    const { putSigned, close } = await opened();
    const answer = await putSigned('x'.repeat(ringDocumentBytes + 1));
    assert.deepEqual([answer.statusCode, answer.json().code], [413, 'too_large']);
    close();
  });

  it('bring no ring to gateways that organise their own', async () => {
    const { putSigned, close } = await opened({ given: false });
    const answer = await putSigned(ringAt(1));
    assert.deepEqual([answer.statusCode, answer.json().code], [501, 'not_supported']);
    close();
  });

  it('are judged by public keys only: a file with a secret is refused', async () => {
    const keysFile = join(folder, 'secrets');
    const secret = { kty: 'oct', k: Buffer.alloc(32, 1).toString('base64url') };
    await writeFile(keysFile, JSON.stringify({ keys: [secret] }));
    const parts = { clock: new ManualClock(), counts: silentAuthCounts, logger: silentLogger };
    await assert.rejects(openAdminKeys({ keysFile }, parts), /keys\[0\]: a secret/);
  });
});
