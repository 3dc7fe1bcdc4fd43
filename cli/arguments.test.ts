import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseArguments } from './arguments.ts';
import { commands } from './commands.ts';
import { helpOf } from './help.ts';

const parse = (words: string) => parseArguments(words.split(' ').filter(Boolean), commands);

function wrong(words: string): string {
  const parsed = parse(words);
  assert.equal(parsed.kind, 'wrong', words);
  return parsed.kind === 'wrong' ? parsed.message : '';
}

describe('the command line', () => {
  test('says a command, whom it is about, and options in any order', () => {
    const parsed = parse('-n rooms drain chat-0 --wait --timeout=90 --context there');
    assert.ok(parsed.kind === 'run');
    assert.deepEqual([parsed.command.name, parsed.operand], ['drain', 'chat-0']);
    const options = { namespace: 'rooms', context: 'there', wait: true, timeoutS: 90 };
    assert.deepEqual(parsed.options, options);
  });

  test('may ask for help anywhere, whatever else is wrong', () => {
    assert.equal(parse('--help').kind, 'help');
    assert.equal(parse('drain --nonsense -h').kind, 'help');
    assert.equal(parse('--version').kind, 'version');
  });

  const refusals: Readonly<Record<string, string>> = {
    '': 'which command? See: kubectl wscluster --help',
    statsu: 'there is no command "statsu"; did you mean status?',
    frobnicate:
      'there is no command "frobnicate"; there are status, drain, cancel-drain, pause, resume, ' +
      'promote, abort, restart, where',
    drain: 'drain of which POD? kubectl wscluster drain POD',
    'drain a b c': 'drain takes one POD, not also b c',
    'drain a --watch': 'drain has no option --watch. See: kubectl wscluster --help',
    'status --wach': 'there is no option --wach; did you mean --watch?',
    'status -q': 'there is no option -q. See: kubectl wscluster --help',
    'status -n': '-n needs a value',
    'status --watch=yes': '--watch takes no value, not "yes"',
    'status -n a -n b': '-n is given twice',
    'status --timeout 5': '--timeout is for --watch: say both, or neither',
    'drain a --wait --timeout soon': '--timeout "soon": needs whole seconds from 1 to 86400',
    'drain a --wait --timeout 0': '--timeout "0": needs whole seconds from 1 to 86400',
  };
  for (const [words, message] of Object.entries(refusals)) {
    test(`"${words}" is refused: ${message}`, () => assert.equal(wrong(words), message));
  }

  test('is explained, each line in a hundred columns', () => {
    const text = helpOf(commands);
    for (const { name } of commands) assert.match(text, new RegExp(`^  ${name} `, 'm'));
    assert.deepEqual(
      text.split('\n').filter((line) => line.length > 100),
      [],
    );
    const [drain] = commands.filter(({ name }) => name === 'drain');
    assert.match(helpOf(commands, drain), /^kubectl wscluster drain POD \[options\]\n/);
    assert.doesNotMatch(helpOf(commands, drain), /-w, --watch|api-key/);
  });
});
