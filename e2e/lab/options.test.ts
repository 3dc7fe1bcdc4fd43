import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLabOptions } from './options.ts';

const messageOf = (...args: string[]): string => {
  const parsed = parseLabOptions(args);
  assert.equal(parsed.kind, 'wrong');
  assert.ok(!parsed.message.includes('\n'), parsed.message);
  return parsed.message;
};

test('without a command it is up, with as many nodes as wanted', () => {
  assert.deepEqual(parseLabOptions([]), { kind: 'up', name: 'lab', nodes: undefined });
  assert.deepEqual(parseLabOptions(['--nodes', '3']), { kind: 'up', name: 'lab', nodes: 3 });
  assert.deepEqual(parseLabOptions(['up', '--nodes=9', '--name', 'b-2']), {
    kind: 'up',
    name: 'b-2',
    nodes: 9,
  });
  assert.deepEqual(parseLabOptions(['status']), { kind: 'status', name: 'lab' });
  assert.deepEqual(parseLabOptions(['down']), { kind: 'down', name: 'lab' });
  assert.equal(parseLabOptions(['down', '--help']).kind, 'help');
});

test('what is wrong is said in one line that says what is right', () => {
  for (const nodes of ['0', '10', '-1', '1.5', 'three', '', ' 3']) {
    assert.match(messageOf(`--nodes=${nodes}`), /whole number from 1 to 9/);
  }
  assert.match(messageOf('stop'), /no command "stop"\. See: npm run lab -- --help/);
  for (const name of ['', '../x', 'A', 'a'.repeat(21), '-']) {
    assert.match(messageOf(`--name=${name}`), /letters a–z, digits and dashes/);
  }
  assert.match(messageOf('up', 'down'), /one command/);
  assert.match(messageOf('down', '--nodes', '2'), /--nodes is for up/);
  assert.match(messageOf('--node', '2'), /See: npm run lab -- --help/);
});
