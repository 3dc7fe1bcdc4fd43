import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import * as limits from '../../protocol/limits.ts';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { MoveTokens } from './move-tokens.ts';
import { PodKeys, publicHalf } from './pod-keys.ts';

interface Pod {
  readonly pod?: string;
  readonly cluster?: string;
  readonly privateKey?: KeyObject;
  readonly keys?: ReadonlyMap<string, string>;
  readonly clock?: ManualClock;
}

const own = generateKeyPairSync('ed25519').privateKey;
const known = new Map([['a', publicHalf(own)]]);

function tokensOf({ pod = 'a', cluster = 'chat', keys = known, ...rest }: Pod = {}): MoveTokens {
  const { privateKey = own, clock = new ManualClock() } = rest;
  return new MoveTokens({
    pod,
    cluster,
    privateKey,
    keys: new PodKeys((name) => keys.get(name)),
    clock,
  });
}

const ring = { generation: 2, counter: 7 };
const alice = { identity: 'alice', session: 's-1', ring };

/** A token with these claims, rightly signed. */
function signed(claims: unknown): string {
  const text = Buffer.from(JSON.stringify(claims));
  return `${text.toString('base64url')}.${sign(null, text, own).toString('base64url')}`;
}

describe('the token of a move', () => {
  it('is known by any pod that knows the key of the one that gave it', () => {
    const token = tokensOf().issue(alice);
    const other = tokensOf({ pod: 'b', privateKey: generateKeyPairSync('ed25519').privateKey });
    assert.deepEqual(other.check(token, 'alice'), { outcome: 'ok', session: 's-1', ring });
    const unplaced = { session: 'x', ring: undefined };
    assert.deepEqual(tokensOf().check(tokensOf().issue({ identity: '', ...unplaced }), ''), {
      outcome: 'ok',
      ...unplaced,
    });
  });

  it('is nothing to somebody else, in another cluster, or by another key', () => {
    const token = tokensOf().issue(alice);
    const outcomeOf = (tokens: MoveTokens, identity = 'alice') =>
      tokens.check(token, identity).outcome;
    assert.equal(outcomeOf(tokensOf(), 'bob'), 'invalid');
    assert.equal(outcomeOf(tokensOf(), ''), 'invalid');
    assert.equal(outcomeOf(tokensOf({ cluster: 'shop' })), 'invalid');
    const stranger = publicHalf(generateKeyPairSync('ed25519').privateKey);
    assert.equal(outcomeOf(tokensOf({ keys: new Map([['a', stranger]]) })), 'invalid');
    assert.equal(outcomeOf(tokensOf({ keys: new Map() })), 'unknown_pod');
    assert.equal(outcomeOf(tokensOf({ keys: new Map([['a', '']]) })), 'unknown_pod');
    assert.equal(outcomeOf(tokensOf({ keys: new Map([['a', 'no key']]) })), 'unknown_pod');
  });

  it('lives for a minute, and a little for clocks that differ', async () => {
    const clock = new ManualClock();
    const tokens = tokensOf({ clock });
    const token = tokens.issue(alice);
    await clock.advance(59_000);
    assert.equal(tokens.check(token, 'alice').outcome, 'ok');
    await clock.advance(7_000);
    assert.equal(tokens.check(token, 'alice').outcome, 'expired');
  });

  it('is refused when it would live for longer, whoever signed it', () => {
    const clock = new ManualClock();
    const tokens = tokensOf({ clock });
    const who = JSON.parse(
      Buffer.from(tokens.issue(alice).split('.')[0] ?? '', 'base64url').toString(),
    )[4] as string;
    const claims = (seconds: number) => {
      const end = Math.floor(clock.wall() / 1_000) + seconds;
      return [1, 'chat', 'a', 's-1', who, end, 2, 7, 'what a later version adds'];
    };
    assert.equal(tokens.check(signed(claims(60)), 'alice').outcome, 'ok');
    assert.equal(tokens.check(signed(claims(3_600)), 'alice').outcome, 'invalid');
  });

  it('is not what was changed, cut, or never was one; and nothing throws', () => {
    const tokens = tokensOf();
    const token = tokens.issue(alice);
    for (let at = 0; at < token.length; at += 1) {
      const other = token[at] === 'A' ? 'B' : 'A';
      const changed = token.slice(0, at) + other + token.slice(at + 1);
      assert.notEqual(tokens.check(changed, 'alice').outcome, 'ok', `changed at ${at}`);
      assert.notEqual(tokens.check(token.slice(0, at), 'alice').outcome, 'ok', `cut at ${at}`);
    }
    fc.assert(
      fc.property(fc.string({ maxLength: 100 }), (text) => {
        assert.equal(tokens.check(text, 'alice').outcome, 'invalid');
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), (claims) => {
        assert.equal(tokens.check(signed(claims), 'alice').outcome, 'invalid');
      }),
    );
  });

  it('fits into a hello with the longest names', () => {
    const longest = 'n'.repeat(limits.nameLength);
    const tokens = tokensOf({ pod: 'p'.repeat(63), cluster: 'c'.repeat(64) });
    const token = tokens.issue({
      identity: 'i'.repeat(100_000),
      session: longest,
      ring: { generation: Number.MAX_SAFE_INTEGER, counter: Number.MAX_SAFE_INTEGER },
    });
    assert.ok(token.length <= limits.moveTokenBytes, `${token.length} bytes`);
  });
});
