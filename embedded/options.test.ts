import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseOptions } from './options.ts';

function wrong(...args: string[]): string {
  const parsed = parseOptions(args);
  assert.equal(parsed.kind, 'wrong', args.join(' '));
  assert.ok(parsed.kind === 'wrong' && !parsed.message.includes('\n'));
  return parsed.message;
}

describe('the options of embedded mode', () => {
  it('have defaults', () => {
    assert.deepEqual(parseOptions([]), {
      kind: 'run',
      options: { port: 8000, gateways: 3, redis: undefined },
    });
  });

  it('are read in both spellings', () => {
    assert.deepEqual(parseOptions(['--port=9000', '--gateways', '5', '--redis', 'redis://h:1']), {
      kind: 'run',
      options: { port: 9000, gateways: 5, redis: 'redis://h:1' },
    });
  });

  it('explain themselves', () => {
    const parsed = parseOptions(['--help']);
    assert.ok(parsed.kind === 'help');
    for (const option of ['--port', '--gateways', '--redis']) {
      assert.ok(parsed.text.includes(option), option);
    }
  });

  it('are refused in one line that says what would be right', () => {
    assert.match(wrong('--port', '0'), /^--port "0": needs a whole number from 1 to 65526$/);
    assert.match(wrong('--port', '65527'), /65526/);
    assert.match(wrong('--port', '80x'), /"80x"/);
    assert.match(wrong('--gateways', '10'), /from 1 to 9/);
    assert.match(wrong('--gateway', '2'), /'--gateway'.*--help/);
    assert.match(wrong('--port'), /--help/);
    assert.match(wrong('extra'), /extra.*--help/);
  });

  it('never repeat a Redis URL, which may hold a password', () => {
    assert.ok(!wrong('--redis', 'http://:secret@host').includes('secret'));
    assert.match(wrong('--redis', 'host:6379'), /redis:\/\/127\.0\.0\.1:6379/);
  });
});
