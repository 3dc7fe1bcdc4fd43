import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Backoff } from './backoff.ts';
import { Client } from './client.ts';
import { OptionsError } from './errors.ts';
import { Emitter } from './events.ts';
import { type ClientOptions, settingsFrom } from './options.ts';
import { pagePlatform } from './platform.ts';

function problemsOf(options: object): readonly string[] {
  try {
    settingsFrom({ url: 'ws://a/ws', ...options });
  } catch (error) {
    assert.ok(error instanceof OptionsError);
    return error.problems.map(({ field, wanted }) => `${field}: ${wanted}`);
  }
  return [];
}

describe('options', () => {
  it('have defaults, and undefined means the default', () => {
    const given: object = { url: 'ws://a/ws', graceMs: undefined };
    const settings = settingsFrom(given as ClientOptions);
    assert.equal(settings.graceMs, 5_000);
    assert.deepEqual(settings.url, ['ws://a/ws']);
  });

  it('are all judged at once, unknown ones too', () => {
    const wrong = {
      url: 'http://a',
      routeUrl: '/v1/route?key=a',
      token: '',
      name: 'x'.repeat(200),
      storage: {},
      clock: null,
      random: 1,
      webSocket: 'x',
      graceMs: Number.NaN,
      queueCount: 0,
      typo: 1,
    };
    const problems = problemsOf(wrong);
    const fields = problems.map((problem) => problem.split(':')[0]);
    assert.deepEqual(fields.sort(), Object.keys(wrong).sort());
    assert.ok(problems.includes('graceMs: a number from 1 to 3600000'));
    assert.ok(problems.includes('typo: there is no such option'));
  });

  it('are refused in any form with an OptionsError and nothing else', () => {
    fc.assert(
      fc.property(fc.anything(), (options) => {
        try {
          void new Client(options as ClientOptions).close();
        } catch (error) {
          assert.ok(error instanceof OptionsError);
        }
      }),
    );
  });

  it('are all in the guide, with their defaults and bounds', () => {
    const guide = readFileSync(join(import.meta.dirname, '../docs/client.md'), 'utf8');
    for (const [name, value] of Object.entries(settingsFrom({ url: 'ws://a/ws' }))) {
      const row = guide.split('\n').find((line) => line.startsWith(`| \`${name}\``));
      assert.ok(row !== undefined, `${name} is not in docs/client.md`);
      if (typeof value !== 'number' || value === Number.POSITIVE_INFINITY) continue;
      assert.ok(row.includes(` ${value.toLocaleString('en')} `), `the default of ${name}: ${row}`);
    }
  });
});

describe('backoff', () => {
  it('waits between 0 and min(cap, base × factor^n), and begins anew', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000 }),
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 1, max: 60_000 }),
        fc.double({ min: 0, max: 0.999_999, noNaN: true }),
        (backoffBaseMs, backoffFactor, backoffCapMs, chance) => {
          const options = { backoffBaseMs, backoffFactor, backoffCapMs, random: () => chance };
          const backoff = new Backoff(options);
          const first = backoff.next();
          assert.ok(first >= 0 && first <= Math.min(backoffBaseMs, backoffCapMs));
          for (let n = 1; n < 2_000; n += 1) {
            const ceiling = Math.min(backoffCapMs, backoffBaseMs * backoffFactor ** n);
            assert.equal(backoff.next(), chance * ceiling);
          }
          backoff.reset();
          assert.equal(backoff.next(), first);
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('handlers', () => {
  it('cannot break each other, whether they throw or reject', async () => {
    const reported: unknown[] = [];
    const emitter = new Emitter<{ x: number }>((error) => reported.push(error));
    const got: number[] = [];
    emitter.on('x', () => {
      throw new Error('thrown');
    });
    emitter.on('x', async () => {
      throw new Error('rejected');
    });
    const off = emitter.on('x', (value) => {
      got.push(value);
      off();
    });
    emitter.emit('x', 1);
    emitter.emit('x', 2);
    await new Promise(setImmediate);
    assert.deepEqual(got, [1]);
    assert.equal(reported.length, 4);
  });
});

describe('the platform', () => {
  it('of a page tells of network, sleep and hiding, until it is stopped', () => {
    const scope = new EventTarget();
    const document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
    const told: string[] = [];
    const stop = pagePlatform(Object.assign(scope, { document }))({
      onWake: () => told.push('wake'),
      onOnline: () => told.push('online'),
      onHide: () => told.push('hide'),
    });
    for (const name of ['online', 'offline', 'pageshow', 'pagehide']) {
      scope.dispatchEvent(new Event(name));
    }
    document.visibilityState = 'hidden';
    document.dispatchEvent(new Event('visibilitychange'));
    document.visibilityState = 'visible';
    for (const name of ['visibilitychange', 'freeze', 'resume']) {
      document.dispatchEvent(new Event(name));
    }
    const expected = ['online', 'wake', 'wake', 'hide', 'hide', 'wake', 'hide', 'wake'];
    assert.deepEqual(told, expected);
    stop();
    scope.dispatchEvent(new Event('online'));
    document.dispatchEvent(new Event('resume'));
    assert.deepEqual(told, expected);
  });

  it('of Node tells nothing', () => {
    const fail = () => assert.fail('told something');
    pagePlatform({})({ onWake: fail, onOnline: fail, onHide: fail })();
  });
});
