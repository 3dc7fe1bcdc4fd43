import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loggedError } from './logged-error.ts';

test('the log shows what an error says and why, and nothing else that hangs on it', () => {
  const command = { name: 'auth', args: ['canary'] };
  const reply = Object.assign(new Error('WRONGPASS'), { command, code: 'E1' });
  const shown = JSON.stringify(loggedError(new Error('outer', { cause: reply })));
  assert.match(shown, /outer.*caused by: .*WRONGPASS/);
  assert.match(JSON.stringify(loggedError(reply)), /"code":"E1"/);
  assert.doesNotMatch(shown + JSON.stringify(loggedError(reply)), /canary|auth/);
  assert.deepEqual(loggedError('text'), { message: 'text' });
});

test('an error that is its own cause is shown all the same', () => {
  const error = new Error('round');
  error.cause = error;
  assert.match(JSON.stringify(loggedError(error)), /round/);
});
