import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { exportJWK, type JWK, SignJWT } from 'jose';
import { type Clock, systemClock } from '../../../protocol/clock.ts';
import { silentLogger } from '../../logger.ts';
import type { SettingsInput } from '../../settings/declaration.ts';
import { settingsFrom } from '../../settings/load.ts';
import type { Authentication } from '../identity.ts';
import { openAuthSecrets } from './auth-secrets.ts';
import { ConfiguredAuthenticator } from './authenticator.ts';
import { silentAuthCounts } from './counts.ts';
import { algorithms } from './key-set.ts';

const NOW_S = 1_800_000_000;
const clock: Clock = { ...systemClock, wall: () => NOW_S * 1_000 };

const secret = Buffer.alloc(32, 7);
const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');
const strangers = generateKeyPairSync('rsa', { modulusLength: 2_048 });

type Auth = NonNullable<SettingsInput['auth']>;

async function publicKeys(): Promise<JWK[]> {
  return [
    { ...(await exportJWK(rsa.publicKey)), kid: 'rs', alg: 'RS256' },
    { ...(await exportJWK(ec.publicKey)), kid: 'es' },
    { ...(await exportJWK(ed.publicKey)), kid: 'ed' },
    { kty: 'oct', k: secret.toString('base64url'), kid: 'hs' },
  ];
}

/** No test may cause a request: that is the point of most of them. */
const noFetch = () => assert.fail('a request was sent');

async function open(auth: Auth, keyClaim?: string): Promise<ConfiguredAuthenticator> {
  const settings = settingsFrom({ auth }).auth;
  const parts = { clock, counts: silentAuthCounts, logger: silentLogger };
  const secrets = await openAuthSecrets(settings, parts);
  return new ConfiguredAuthenticator({ ...parts, settings, secrets, keyClaim, fetch: noFetch });
}

const rules = { issuer: 'https://id.example', audience: 'wscluster' };

interface Claims {
  readonly [name: string]: unknown;
}

const claims = (changes: Claims = {}): Claims => ({
  sub: 'user-7',
  iss: rules.issuer,
  aud: rules.audience,
  exp: NOW_S + 600,
  wsc: { sub: ['room.*'], pub: ['room.7'] },
  ...changes,
});

const keysOf = {
  HS256: secret,
  RS256: rsa.privateKey,
  ES256: ec.privateKey,
  EdDSA: ed.privateKey,
} as const;
const kids = { HS256: 'hs', RS256: 'rs', ES256: 'es', EdDSA: 'ed' } as const;

const sign = (payload: Claims, alg: keyof typeof keysOf = 'RS256', header: Claims = {}) =>
  new SignJWT(payload).setProtectedHeader({ alg, kid: kids[alg], ...header }).sign(keysOf[alg]);

const encoded = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');

function codeOf(answer: Authentication): string {
  return answer.ok ? 'ok' : answer.code;
}

describe('tokens', () => {
  let authenticator: ConfiguredAuthenticator;
  before(async () => {
    authenticator = await open({ ...rules, keys: JSON.stringify({ keys: await publicKeys() }) });
  });
  after(() => authenticator.close());

  for (const algorithm of algorithms) {
    it(`takes ${algorithm}, with a key id and without`, async () => {
      for (const header of [{}, { kid: undefined }]) {
        const answer = await authenticator.token(await sign(claims(), algorithm, header));
        assert.ok(answer.ok, JSON.stringify(answer));
        const { name, maySubscribe, mayPublish, expiresAt } = answer.identity;
        assert.equal(name, 'user-7');
        assert.equal(expiresAt, (NOW_S + 630) * 1_000);
        assert.deepEqual([maySubscribe('room.1'), maySubscribe('other')], [true, false]);
        assert.deepEqual([mayPublish('room.7'), mayPublish('room.1')], [true, false]);
      }
    });
  }

  const bad: readonly (readonly [string, Claims, string])[] = [
    ['of another audience', { aud: 'other' }, 'unauthenticated'],
    ['without an audience', { aud: undefined }, 'unauthenticated'],
    ['of another issuer', { iss: 'https://evil.example' }, 'unauthenticated'],
    ['not valid yet', { nbf: NOW_S + 31 }, 'unauthenticated'],
    ['expired beyond the leeway', { exp: NOW_S - 31 }, 'token_expired'],
    ['without an end', { exp: undefined }, 'unauthenticated'],
    ['whose end is a string', { exp: 'never' }, 'unauthenticated'],
    ['without a subject', { sub: undefined }, 'unauthenticated'],
    ['with an empty subject', { sub: '' }, 'unauthenticated'],
    ['with a number for a subject', { sub: 7 }, 'unauthenticated'],
    ['with a subject of 257 characters', { sub: 'x'.repeat(257) }, 'unauthenticated'],
    ['whose subject is an API key’s name', { sub: 'key:1' }, 'unauthenticated'],
    ['whose permissions are a list', { wsc: ['**'] }, 'unauthenticated'],
    ['whose patterns are a string', { wsc: { sub: '**' } }, 'unauthenticated'],
    ['with an empty pattern', { wsc: { sub: [''] } }, 'unauthenticated'],
    ['with 65 patterns', { wsc: { pub: Array(65).fill('a') } }, 'unauthenticated'],
    ['with a pattern of 257 characters', { wsc: { pub: ['x'.repeat(257)] } }, 'unauthenticated'],
  ];
  for (const [what, changes, code] of bad) {
    it(`refuses one ${what}`, async () => {
      assert.equal(codeOf(await authenticator.token(await sign(claims(changes)))), code);
    });
  }

  it('allows the leeway on both sides', async () => {
    for (const changes of [{ exp: NOW_S - 29 }, { nbf: NOW_S + 29 }]) {
      assert.equal(codeOf(await authenticator.token(await sign(claims(changes)))), 'ok');
    }
  });

  it('refuses alg none, in every spelling', async () => {
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
      const jwt = `${encoded({ alg, kid: 'rs' })}.${encoded(claims())}.`;
      assert.equal(codeOf(await authenticator.token(jwt)), 'unauthenticated');
    }
  });

  it('refuses an HMAC that used the public RSA key as its secret', async () => {
    const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' });
    const der = rsa.publicKey.export({ type: 'spki', format: 'der' });
    for (const key of [pem, der]) {
      for (const kid of ['rs', 'hs', undefined]) {
        const head = `${encoded({ alg: 'HS256', kid })}.${encoded(claims())}`;
        const jwt = `${head}.${createHmac('sha256', key).update(head).digest('base64url')}`;
        assert.equal(codeOf(await authenticator.token(jwt)), 'unauthenticated');
      }
    }
  });

  it('refuses a token that brings or names its own key, and asks nobody for it', async () => {
    const jwk = await exportJWK(strangers.publicKey);
    const headers = [
      { jku: 'http://127.0.0.1:1/keys' },
      { x5u: 'http://127.0.0.1:1/cert' },
      { x5c: ['AAAA'] },
      { jwk },
    ];
    for (const header of headers) {
      for (const key of [strangers.privateKey, rsa.privateKey]) {
        const jwt = await new SignJWT(claims())
          .setProtectedHeader({ alg: 'RS256', kid: 'rs', ...header })
          .sign(key);
        assert.equal(codeOf(await authenticator.token(jwt)), 'unauthenticated');
      }
    }
  });

  it('refuses a stranger’s key under a known id, and known keys under strange ids', async () => {
    const forged = await new SignJWT(claims())
      .setProtectedHeader({ alg: 'RS256', kid: 'rs' })
      .sign(strangers.privateKey);
    assert.equal(codeOf(await authenticator.token(forged)), 'unauthenticated');
    const ids = [
      '../../etc/passwd',
      'rs\u0000',
      'RS',
      '',
      '__proto__',
      "' or 1=1",
      'x'.repeat(999),
    ];
    for (const kid of ids) {
      const jwt = await sign(claims(), 'RS256', { kid });
      assert.equal(codeOf(await authenticator.token(jwt)), 'unauthenticated', kid);
    }
  });

  it('tries one that names no key against the first four of its algorithm', async () => {
    const secrets = [1, 2, 3, 4, 5].map((byte) => Buffer.alloc(32, byte));
    const keys = secrets.map((key) => ({ kty: 'oct', k: key.toString('base64url') }));
    const many = await open({ ...rules, keys: JSON.stringify({ keys }) });
    const codes: string[] = [];
    for (const key of secrets) {
      const jwt = await new SignJWT(claims()).setProtectedHeader({ alg: 'HS256' }).sign(key);
      codes.push(codeOf(await many.token(jwt)));
    }
    assert.deepEqual(codes, ['ok', 'ok', 'ok', 'ok', 'unauthenticated']);
    many.close();
  });

  it('refuses other algorithms of a key that is known', async () => {
    for (const alg of ['RS384', 'RS512', 'PS256']) {
      const jwt = await new SignJWT(claims())
        .setProtectedHeader({ alg, kid: 'rs' })
        .sign(rsa.privateKey);
      assert.equal(codeOf(await authenticator.token(jwt)), 'unauthenticated', alg);
    }
  });

  it('refuses critical headers that it does not know, and detached payloads', async () => {
    const jwt = await sign(claims());
    const [, payload, signature] = jwt.split('.');
    for (const header of [
      { crit: ['x'], x: 1 },
      { crit: ['b64'], b64: false },
    ]) {
      const changed = `${encoded({ alg: 'RS256', kid: 'rs', ...header })}.${payload}.${signature}`;
      assert.equal(codeOf(await authenticator.token(changed)), 'unauthenticated');
    }
  });

  it('refuses a changed payload, a changed signature and what is no token', async () => {
    const [header, payload, signature = ''] = (await sign(claims())).split('.');
    const changed = [
      `${header}.${encoded(claims({ sub: 'admin' }))}.${signature}`,
      `${header}.${payload}.${signature.slice(2)}AA`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${header}..${signature}`,
      '',
      '.',
      '..',
      '....',
      'a.b.c',
      `${Buffer.from('[]').toString('base64url')}.${payload}.${signature}`,
      `${Buffer.from('null').toString('base64url')}.${payload}.${signature}`,
      `${encoded({ alg: { toString: 1 } })}.${payload}.${signature}`,
      `${encoded({ alg: 'RS256', kid: ['rs'] })}.${payload}.${signature}`,
    ];
    for (const jwt of changed) {
      assert.equal(codeOf(await authenticator.token(jwt)), 'unauthenticated', jwt);
    }
  });

  it('refuses a token of more than 8,192 bytes, a megabyte too, before it is read', async () => {
    const fits = await sign(claims({ padding: 'x'.repeat(5_500) }));
    assert.ok(fits.length < 8_192);
    assert.equal(codeOf(await authenticator.token(fits)), 'ok');
    for (const size of [6_200, 1_048_576]) {
      const answer = await authenticator.token(await sign(claims({ padding: 'x'.repeat(size) })));
      assert.ok(!answer.ok && /longer/.test(answer.detail));
    }
  });

  it('never says what was in the token', async () => {
    const canary = 'c4n4ry';
    const changes = [{ iss: canary }, { aud: canary }, { exp: canary }, { wsc: canary }];
    for (const change of changes) {
      const jwt = await sign(claims(change));
      assert.doesNotMatch(JSON.stringify(await authenticator.token(jwt)), /c4n4ry/);
    }
  });
});

describe('permissions', () => {
  const rightsOf = async (auth: Auth, changes: Claims) => {
    const authenticator = await open({
      ...auth,
      keys: JSON.stringify({ keys: await publicKeys() }),
    });
    const answer = await authenticator.token(await sign(claims(changes)));
    assert.ok(answer.ok, JSON.stringify(answer));
    const { maySubscribe, mayPublish } = answer.identity;
    return [maySubscribe('room.7'), mayPublish('room.7')];
  };

  it('grants nothing to a token without the claim', async () => {
    assert.deepEqual(await rightsOf({}, { wsc: undefined }), [false, false]);
  });

  it('grants it what the settings say', async () => {
    const auth = { defaultSubscribe: ['room.*'], defaultPublish: ['room.8'] };
    assert.deepEqual(await rightsOf(auth, { wsc: undefined }), [true, false]);
  });

  it('lets the claim stand alone where there is one', async () => {
    const auth = { defaultSubscribe: ['**'], defaultPublish: ['**'] };
    assert.deepEqual(await rightsOf(auth, { wsc: {} }), [false, false]);
    assert.deepEqual(await rightsOf(auth, { wsc: { pub: ['room.**'] } }), [false, true]);
  });
});

describe('the claim by which clients are placed', () => {
  it('is a text or a number; anything else is none, and refuses nobody', async () => {
    const keys = JSON.stringify({ keys: await publicKeys() });
    const keyOf = async (claim: string | undefined, changes: Claims) => {
      const authenticator = await open({ ...rules, keys }, claim);
      const answer = await authenticator.token(await sign(claims(changes)));
      assert.ok(answer.ok, JSON.stringify(answer));
      return answer.identity.key;
    };
    assert.equal(await keyOf('room', { room: 'r-1' }), 'r-1');
    assert.equal(await keyOf('room', { room: 7 }), '7');
    for (const room of [undefined, null, true, ['r'], { r: 1 }, 'r'.repeat(2_000)]) {
      assert.equal(await keyOf('room', { room }), undefined);
    }
    assert.equal(await keyOf(undefined, { room: 'r-1', '': 'empty' }), undefined);
  });
});

describe('API keys and clients without credentials', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wscluster-auth-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function file(text: string): Promise<string> {
    const path = join(folder, 'keys');
    await writeFile(path, text);
    return path;
  }

  const key = 'k'.repeat(32);

  it('knows the keys of the file, by their lines, and grants them everything', async () => {
    const authenticator = await open({ apiKeysFile: await file(`# old\n\n${key}\n${key}2\n`) });
    const answers = [`${key}2`, key, `${key}3`, '', '# old', 'x'.repeat(100_000)];
    const names = answers.map((one) => {
      const answer = authenticator.apiKey(one);
      return answer.ok ? answer.identity.name : answer.code;
    });
    const no = 'unauthenticated';
    assert.deepEqual(names, ['key:4', 'key:3', no, no, no, no]);
    const answer = authenticator.apiKey(key);
    assert.ok(answer.ok && answer.identity.mayPublish('a') && answer.identity.maySubscribe('a'));
    authenticator.close();
  });

  it('refuses files without a usable key, and never quotes them', async () => {
    for (const text of ['', '# nothing\n', 'short', `${key} ${key}`, 'k\n'.repeat(1_001)]) {
      const error: unknown = await open({ apiKeysFile: await file(text) }).catch((e) => e);
      assert.ok(error instanceof Error && !error.message.includes('kkk'), String(error));
    }
  });

  it('refuses key sets that could not work, and never quotes them', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 });
    const sets = [
      'canary',
      '{}',
      '{"keys":{}}',
      '{"keys":[]}',
      JSON.stringify({ keys: [{ kty: 'oct', k: 'canary' }] }),
      JSON.stringify({ keys: [{ kty: 'RSA', n: 'canary', e: 'AQAB' }] }),
      JSON.stringify({ keys: [await exportJWK(weak.publicKey)] }),
      JSON.stringify({ keys: Array(65).fill({ kty: 'oct' }) }),
      JSON.stringify({ keys: [{ ...(await exportJWK(rsa.publicKey)), use: 'enc' }] }),
    ];
    for (const keys of sets) {
      const error: unknown = await open({ keys }).catch((e) => e);
      assert.ok(error instanceof Error && error.name === 'SettingsError', `${keys}: ${error}`);
      assert.match(error.message, /^auth\.keys: a JWK Set.*, not \(hidden\): /);
      assert.ok(!error.message.includes('canary'), error.message);
    }
  });

  const loopback = { loopback: true };
  const elsewhere = { loopback: false };
  /** To subscribe, to publish, to manage users. */
  const rights = (answer: Authentication) => {
    if (!answer.ok) return answer.code;
    const { maySubscribe, mayPublish, mayManageUsers } = answer.identity;
    return [maySubscribe('a'), mayPublish('a'), mayManageUsers];
  };

  it('serves loopback alone, and everything, where nothing is configured', async () => {
    const authenticator = await open({});
    assert.equal(authenticator.configured, false);
    assert.deepEqual(rights(authenticator.anonymous(loopback)), [true, true, true]);
    assert.equal(rights(authenticator.anonymous(elsewhere)), 'unauthenticated');
    assert.equal(codeOf(await authenticator.token(await sign(claims()))), 'unauthenticated');
    assert.equal(codeOf(authenticator.apiKey(key)), 'unauthenticated');
  });

  it('serves nobody without credentials once there are keys, loopback included', async () => {
    for (const auth of [{ apiKeysFile: await file(key) }, await inline()]) {
      const authenticator = await open(auth);
      assert.equal(authenticator.configured, true);
      assert.equal(rights(authenticator.anonymous(loopback)), 'unauthenticated');
      authenticator.close();
    }
  });

  it('serves anonymous clients where that was said, read only unless that was too', async () => {
    const reader = await open({ ...(await inline()), anonymous: true });
    assert.deepEqual(rights(reader.anonymous(elsewhere)), [true, false, false]);
    assert.deepEqual(rights(reader.anonymous(loopback)), [true, false, false]);
    const writer = await open({ anonymous: true, anonymousPublish: true });
    assert.equal(writer.configured, true);
    for (const peer of [elsewhere, loopback]) {
      assert.deepEqual(rights(writer.anonymous(peer)), [true, true, false]);
    }
  });

  const inline = async (): Promise<Auth> => ({
    keys: JSON.stringify({ keys: await publicKeys() }),
  });
});
