import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { exportJWK, SignJWT } from 'jose';
import { createServer } from '../../../process/http.ts';
import { systemClock } from '../../../protocol/clock.ts';
import { ManualClock } from '../../../protocol/testing/manual-clock.ts';
import { silentLogger } from '../../logger.ts';
import type { SettingsInput } from '../../settings/declaration.ts';
import { settingsFrom } from '../../settings/load.ts';
import { openAuthSecrets } from './auth-secrets.ts';
import { ConfiguredAuthenticator } from './authenticator.ts';
import { silentAuthCounts } from './counts.ts';

type Keys = { readonly [kid: string]: KeyObject };

const pairs = {
  one: generateKeyPairSync('ed25519'),
  two: generateKeyPairSync('ed25519'),
};

async function setOf(keys: Keys): Promise<string> {
  const list = Object.entries(keys).map(async ([kid, key]) => ({ ...(await exportJWK(key)), kid }));
  return JSON.stringify({ keys: await Promise.all(list) });
}

async function tokenOf(kid: string, key: KeyObject): Promise<string> {
  const exp = Math.floor(Date.now() / 1_000) + 600;
  const header = { alg: 'EdDSA', kid };
  return new SignJWT({ sub: 'user', exp }).setProtectedHeader(header).sign(key);
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = systemClock.now() + 5_000;
  while (!condition()) {
    assert.ok(systemClock.now() < deadline, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

describe('keys from a URL', () => {
  let server: Server;
  let requests = 0;
  let answer: (response: ServerResponse) => void;
  let clock: ManualClock;
  let authenticator: ConfiguredAuthenticator;
  const outcomes: string[] = [];
  let expired = 0;

  const serve = async (keys: Keys) => {
    const body = await setOf(keys);
    answer = (response) => void response.end(body);
  };
  const codeOf = async (kid: keyof typeof pairs | 'odd') => {
    const pair = kid === 'odd' ? pairs.one : pairs[kid];
    const outcome = await authenticator.token(await tokenOf(kid, pair.privateKey));
    return outcome.ok ? 'ok' : outcome.code;
  };
  const COOLDOWN = 1_000;

  async function open(auth: SettingsInput['auth'] = {}): Promise<void> {
    const { port } = server.address() as AddressInfo;
    const settings = settingsFrom({
      auth: { jwksUrl: `http://127.0.0.1:${port}/keys`, jwksCooldownMs: COOLDOWN, ...auth },
    }).auth;
    const counts = {
      ...silentAuthCounts,
      fetched: (outcome: string) => void outcomes.push(outcome),
      expired: () => {
        expired += 1;
      },
    };
    const secrets = await openAuthSecrets(settings, { clock, counts, logger: silentLogger });
    const parts = { settings, secrets, clock, counts, logger: silentLogger };
    authenticator = new ConfiguredAuthenticator({ ...parts, fetch: globalThis.fetch });
    await until(() => requests === 1, 'the first request');
  }

  before(async () => {
    server = createServer((_request, response) => {
      requests += 1;
      answer(response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    requests = 0;
    outcomes.length = 0;
    expired = 0;
    clock = new ManualClock();
  });
  afterEach(() => authenticator.close());

  it('verifies with them, and fetches them again when they are old', async () => {
    await serve({ one: pairs.one.publicKey });
    await open({ jwksMaxAgeS: 60 });
    assert.equal(await codeOf('one'), 'ok');
    assert.ok(authenticator.ready);
    await serve({ two: pairs.two.publicKey });
    await clock.advance(60_000);
    await until(() => outcomes.length === 2, 'the second answer');
    assert.equal(await codeOf('two'), 'ok');
    assert.equal(await codeOf('one'), 'keys_unavailable');
  });

  it('lets two keys overlap, and learns a new one from the first token that names it', async () => {
    await serve({ one: pairs.one.publicKey });
    await open();
    assert.equal(await codeOf('one'), 'ok');
    await serve({ one: pairs.one.publicKey, two: pairs.two.publicKey });
    await clock.advance(COOLDOWN);
    assert.equal(await codeOf('two'), 'ok');
    assert.equal(await codeOf('one'), 'ok');
    assert.equal(requests, 2);
  });

  it('answers a flood of unknown keys with one request per cool-down', async () => {
    await serve({ one: pairs.one.publicKey });
    await open();
    await until(() => outcomes.length === 1, 'the first answer');
    await clock.advance(COOLDOWN);
    const flood = Array.from({ length: 200 }, (_, index) => `odd-${index}`);
    const tokens = await Promise.all(flood.map((kid) => tokenOf(kid, pairs.one.privateKey)));
    const answers = await Promise.all(tokens.map((jwt) => authenticator.token(jwt)));
    assert.ok(answers.every((one) => !one.ok && one.code === 'unauthenticated'));
    assert.equal(requests, 2);
    // A key that was just looked for does not exist; of others that cannot be told yet.
    assert.deepEqual(await authenticator.token(tokens[0] ?? ''), answers[0]);
    assert.equal(await codeOf('odd'), 'keys_unavailable');
    assert.equal(await codeOf('one'), 'ok');
    assert.equal(requests, 2);
  });

  const failures: readonly (readonly [string, (response: ServerResponse) => void])[] = [
    ['answers 500', (response) => void response.writeHead(500).end()],
    ['sends nonsense', (response) => void response.end('<html>')],
    ['sends no key', (response) => void response.end('{"keys":[]}')],
    ['sends a secret', (response) => void response.end('{"keys":[{"kty":"oct","k":"AAAA"}]}')],
    ['sends too much', (response) => void response.end(' '.repeat(1_048_577))],
    ['redirects', (response) => void response.writeHead(302, { location: '/keys' }).end()],
    ['hangs up', (response) => void response.destroy()],
  ];
  for (const [what, fail] of failures) {
    it(`keeps the keys when the URL ${what}, and comes back`, async () => {
      await serve({ one: pairs.one.publicKey });
      await open();
      await until(() => outcomes.length === 1, 'the first answer');
      answer = fail;
      await clock.advance(COOLDOWN);
      assert.equal(await codeOf('two'), 'keys_unavailable');
      assert.equal(await codeOf('one'), 'ok');
      assert.deepEqual(outcomes, ['ok', 'failed']);
      await serve({ two: pairs.two.publicKey });
      await clock.advance(COOLDOWN);
      await until(() => outcomes.length === 3, 'the next try');
      assert.equal(await codeOf('two'), 'ok');
    });
  }

  it('gives the keys up when the URL fails for too long, and learns them again', async () => {
    await serve({ one: pairs.one.publicKey });
    await open({ jwksMaxAgeS: 30, jwksStaleS: 60, jwksCooldownMs: 20_000 });
    await until(() => outcomes.length === 1, 'the first answer');
    answer = (response) => void response.writeHead(500).end();
    await clock.advance(59_000);
    await until(() => outcomes.length === 2, 'the failure after 30 s');
    assert.equal(await codeOf('one'), 'ok');
    assert.equal(expired, 0);
    await clock.advance(1_000);
    assert.equal(await codeOf('one'), 'keys_unavailable');
    assert.equal(await codeOf('one'), 'keys_unavailable');
    assert.equal(expired, 1, 'counted once');
    assert.ok(authenticator.ready, 'whoever needs no such key is served on');
    await serve({ one: pairs.one.publicKey });
    await clock.advance(20_000);
    await until(() => outcomes.at(-1) === 'ok', 'the keys again');
    assert.equal(await codeOf('one'), 'ok');
  });

  it('gives them up although nobody asks for one', async () => {
    await serve({ one: pairs.one.publicKey });
    await open({ jwksMaxAgeS: 30, jwksStaleS: 30 });
    await until(() => outcomes.length === 1, 'the first answer');
    answer = (response) => void response.writeHead(500).end();
    await clock.advance(30_000);
    await until(() => expired === 1, 'the end of the keys');
  });

  it('is not ready before the first answer, and tells nobody that a token is wrong', async () => {
    answer = failures[0]?.[1] ?? assert.fail();
    await open();
    assert.equal(authenticator.ready, false);
    assert.equal(await codeOf('one'), 'keys_unavailable');
    await until(() => outcomes.length === 1, 'the first failure');
    await serve({ one: pairs.one.publicKey });
    await clock.advance(COOLDOWN);
    await until(() => authenticator.ready, 'the keys');
    assert.equal(await codeOf('one'), 'ok');
  });

  it('gives up a URL that does not answer in time', async () => {
    answer = () => {};
    await open({ jwksTimeoutMs: 500 });
    const code = codeOf('one');
    await clock.advance(500);
    assert.equal(await code, 'keys_unavailable');
    assert.deepEqual(outcomes, ['failed']);
  });

  it('ends what is under way when it is closed', async () => {
    answer = () => {};
    await open();
    const code = codeOf('one');
    authenticator.close();
    assert.equal(await code, 'keys_unavailable');
    await clock.advance(3_600_000);
    assert.equal(requests, 1);
  });
});

describe('keys from a file', () => {
  it('lets two keys overlap while they are rotated', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wscluster-keys-'));
    const path = join(folder, 'keys.json');
    await writeFile(path, await setOf({ one: pairs.one.publicKey }));
    const settings = settingsFrom({ auth: { keysFile: path } }).auth;
    const clock = new ManualClock();
    const reread: string[] = [];
    const counts = {
      ...silentAuthCounts,
      reread: (file: string, outcome: string) => void reread.push(`${file} ${outcome}`),
    };
    const parts = { clock, counts, logger: silentLogger };
    const secrets = await openAuthSecrets(settings, parts);
    const fetch = globalThis.fetch;
    const authenticator = new ConfiguredAuthenticator({ ...parts, settings, secrets, fetch });
    const verified = async () => {
      const kids = ['one', 'two'] as const;
      const answers = kids.map(async (kid) =>
        authenticator.token(await tokenOf(kid, pairs[kid].privateKey)),
      );
      return (await Promise.all(answers)).map(({ ok }) => ok);
    };
    const change = async (text: string) => {
      const seen = reread.length;
      await writeFile(path, text);
      await clock.advance(1_000);
      await until(() => reread.length > seen, 'the new content');
    };
    assert.deepEqual(await verified(), [true, false]);
    await change(await setOf({ one: pairs.one.publicKey, two: pairs.two.publicKey }));
    assert.deepEqual(await verified(), [true, true]);
    await change('{"keys":[');
    assert.deepEqual(await verified(), [true, true]);
    await change(await setOf({ two: pairs.two.publicKey }));
    assert.deepEqual(await verified(), [false, true]);
    assert.deepEqual(reread, ['keys changed', 'keys refused', 'keys changed']);
    secrets.close();
    await rm(folder, { recursive: true });
  });
});
