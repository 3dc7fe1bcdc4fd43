import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readRedisUrl, withUser } from './redis-url.ts';

function target(url: string) {
  const read = readRedisUrl(url);
  return 'target' in read ? read.target : assert.fail(read.problems.join());
}

function problems(url: string): string {
  const read = readRedisUrl(url);
  return 'problems' in read ? read.problems.join('; ') : assert.fail('it was accepted');
}

const plain = { tls: false, username: undefined, password: undefined, port: 6_379, db: 0 };

describe('a Redis URL', () => {
  it('is read into its parts', () => {
    assert.deepEqual(target('redis://h'), { ...plain, host: 'h' });
    assert.deepEqual(target('redis://h:1/'), { ...plain, host: 'h', port: 1 });
    assert.deepEqual(target('REDISS://h/15'), { ...plain, host: 'h', tls: true, db: 15 });
    assert.deepEqual(target('redis://[::1]:7000'), { ...plain, host: '::1', port: 7_000 });
    const password = 'p@/?#%:ä';
    const url = `rediss://us%3Aer:${encodeURIComponent(password)}@r.example:65535/3`;
    const host = 'r.example';
    assert.deepEqual(target(url), {
      ...{ tls: true, username: 'us:er', password, host, port: 65_535, db: 3 },
    });
    assert.deepEqual(target('redis://:a@b@h'), { ...plain, host: 'h', password: 'a@b' });
  });

  it('is given another user', () => {
    const password = 'p@/?#%:ä';
    const of = (url: string, user?: string) => {
      const { username, password: read, ...place } = target(withUser(url, { user, password }));
      assert.equal(read, password);
      const { username: _, password: __, ...before } = target(url);
      assert.deepEqual(place, before);
      return username;
    };
    assert.equal(of('redis://h'), undefined);
    assert.equal(of('rediss://[::1]:7000/3', 'us:er'), 'us:er');
    assert.equal(of('redis://old:x@y@h:1/2'), 'old');
    assert.equal(of('redis://old:x@h:1', 'new@'), 'new@');
    assert.equal(of('redis://:x@h'), undefined);
  });

  const wrong: readonly (readonly [string, RegExp])[] = [
    ['http://h', /^it does not begin with redis/],
    ['', /^it does not begin/],
    ['redis://', /^it names no host$/],
    ['redis://:x@/3', /^it names no host$/],
    ['redis://h%zz', /^its host is no host name/],
    ['redis://h:99999', /^its port is not 1 to 65535$/],
    ['redis://h:0', /^its port/],
    ['redis://h:', /^its port/],
    ['redis://h:6x', /^its port/],
    ['redis://h/abc', /^its database is not a whole number$/],
    ['redis://h/-1', /^its database/],
    ['redis://h/1/2', /^its database/],
    ['redis://:%zz@h', /^its password has a % /],
    ['redis://%:x@h', /^its user has a % /],
    ['redis://canary@h', /^it has a user without a password/],
    ['redis://canary:@h', /^it has a user without a password/],
    ['redis://h?enableOfflineQueue=true', /^it has a query/],
    ['redis://h/0?', /^it has a query/],
    ['redis://:can#ary@h', /it has a fragment/],
    ['redis://h\n', /space or a control/],
    [`redis://${'h'.repeat(40_000)}`, /more than 32768/],
  ];
  for (const [url, expected] of wrong) {
    it(`is refused: ${JSON.stringify(url.slice(0, 40))}`, () => {
      assert.match(problems(url), expected);
    });
  }

  it('is told everything that is wrong with it, and never quoted', () => {
    const said = problems('redis://:canary%@h:0/canary?canary#canary');
    assert.equal(said.split('; ').length, 5, said);
    assert.doesNotMatch(said, /canary/);
  });

  it('is parts or problems, whatever it is', () => {
    const text = fc.string({ unit: fc.constantFrom(...'redis:/@?#%[]0123456789ah. \n') });
    fc.assert(
      fc.property(text, (rest) => {
        const read = readRedisUrl(`redis://${rest}`);
        assert.ok('target' in read ? read.target.host !== '' : read.problems.length > 0);
      }),
    );
  });
});
