import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Call } from '../operator/kube/connection.ts';
import { StandInDesk } from './testing/stand-in-desk.ts';

const refused = (line: string) => ({ code: 1, out: '', errors: `error: ${line}\n` });
const KEY = 'key-of-a-test';

describe('where', () => {
  let desk: StandInDesk;
  let folder: string;
  let asked: Call[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'where-'));
  });
  after(() => rm(folder, { recursive: true }));
  beforeEach(() => {
    desk = new StandInDesk();
    desk.env = { WSCLUSTER_API_KEY: KEY };
    asked = [];
    desk.cluster('chat');
  });

  const answering = (answer: object) => (call: Call) => {
    asked.push(call);
    return { user: 'alice', total: 0, connections: [], complete: true, missing: [], ...answer };
  };
  /** As a gateway refuses. */
  const refusing = (code: number, message: string) => () => {
    throw desk.refused(code, '', JSON.stringify({ code: 'some_code', message, request: 'r' }));
  };

  test('shows connections, and how the last one ended', async () => {
    const wall = desk.clock.wall();
    const connections = [
      { pod: 'chat-b', session: 'phone', since: wall - 80_000 },
      { pod: 'chat-a', since: wall - 1_000 },
    ];
    const ended = { pod: 'chat-a', code: 4005, at: wall - 240_000, reason: 'silent' };
    desk.gateway('chat-a', { client: answering({ total: 3, connections, ended }) });
    assert.deepEqual(await desk.run('where alice'), {
      code: 0,
      out: [
        'alice has 3 connections',
        '  POD     SESSION  SINCE',
        '  chat-b  phone    1 min 20 s ago',
        '  chat-a  -        1 s ago',
        '  and 1 more',
        'the last one that ended was at chat-a, 4 min ago, with 4005 silent\n',
      ].join('\n'),
      errors: '',
    });
    assert.match(asked[0]?.path ?? '', /\/pods\/chat-a%3A8001\/proxy\/v1\/users\/alice$/);
    assert.deepEqual(asked[0]?.headers, { 'x-api-key': KEY });
  });

  test('of somebody who is nowhere says so', async () => {
    desk.gateway('chat-a', { client: answering({}) });
    const said = { code: 0, out: 'a%b?c is not connected\n', errors: '' };
    assert.deepEqual(await desk.run('where a%b?c'), said);
    assert.match(asked[0]?.path ?? '', /\/v1\/users\/a%25b%3Fc$/);
  });

  test('asks another gateway when one cannot be reached, those that stay first', async () => {
    const answers = answering({});
    desk.gateway('chat-a', { why: 'ScaleDown', client: answers });
    desk.gateway('chat-b');
    desk.gateway('chat-c', { client: answers });
    assert.equal((await desk.run('where alice')).code, 0);
    assert.deepEqual(
      asked.map(({ path }) => /chat-./.exec(path)?.[0]),
      ['chat-c'],
    );
  });

  test('where none can be reached says of each why', async () => {
    const nobody = 'no gateway of chat runs: there is none to ask';
    assert.deepEqual(await desk.run('where alice'), refused(nobody));
    desk.gateway('chat-a');
    desk.gateway('chat-b', { client: refusing(503, 'too many questions') });
    const dial = 'error trying to reach service: dial tcp: connect: connection refused';
    const each = `chat-a: ${dial}; chat-b: too many questions`;
    const line = `no gateway of chat could be asked: ${each}`;
    assert.deepEqual(await desk.run('where alice'), refused(line));
  });

  test('whom not all were asked about is told, and not done', async () => {
    desk.gateway('chat-a', { client: answering({ complete: false, missing: ['chat-b'] }) });
    const { code, out, errors } = await desk.run('where alice');
    assert.deepEqual([code, out], [1, 'alice is not connected\n']);
    assert.equal(errors, 'error: not all were heard: chat-b did not answer. Ask again\n');
  });

  test('takes the API key from a file, and not what is none', async () => {
    const file = join(folder, 'key');
    await writeFile(file, 'another-key\n');
    desk.gateway('chat-a', { client: answering({}) });
    assert.equal((await desk.run(`where alice --api-key-file ${file}`)).code, 0);
    assert.deepEqual(asked[0]?.headers, { 'x-api-key': 'another-key' });
    await writeFile(file, 'one\ntwo\n');
    const wanted = 'needs one API key, without spaces, and nothing else';
    assert.deepEqual(
      await desk.run(`where alice --api-key-file ${file}`),
      refused(`--api-key-file ${file}: ${wanted}`),
    );
    const { code, errors } = await desk.run('where alice --api-key-file /nowhere');
    assert.equal(code, 1);
    assert.match(errors, /^error: --api-key-file \/nowhere cannot be read: ENOENT/);
    desk.env = { WSCLUSTER_API_KEY: 'ä' };
    assert.deepEqual(await desk.run('where alice'), refused(`WSCLUSTER_API_KEY: ${wanted}`));
  });

  test('says what a gateway says about the key', async () => {
    desk.gateway('chat-a', { client: refusing(401, 'a valid token or API key is required') });
    const line = 'chat-a refuses: a valid token or API key is required';
    assert.deepEqual(await desk.run('where alice'), refused(line));
    desk.env = {};
    const give = 'an API key is needed: give one with --api-key-file or WSCLUSTER_API_KEY';
    assert.deepEqual(await desk.run('where alice'), refused(give));
  });

  test('says what right is lacking', async () => {
    const forbidden = () => {
      throw desk.refused(403, 'pods "chat-a:8001" is forbidden: cannot get pods/proxy');
    };
    desk.gateway('chat-a', { client: forbidden });
    const { errors } = await desk.run('where alice');
    const rights = 'docs/kubectl.md says which rights it needs';
    assert.match(errors, new RegExp(`cannot get pods/proxy: ${rights}\n$`));
  });

  test('of several clusters needs to know which', async () => {
    desk.cluster('feed');
    desk.gateway('chat-a', { client: answering({}) });
    const line = 'which of chat, feed? --cluster NAME';
    assert.deepEqual(await desk.run('where alice'), refused(line));
    assert.equal((await desk.run('where alice --cluster chat')).code, 0);
    desk = new StandInDesk();
    const none = 'there is no WsCluster in the namespace rooms: is it the right -n?';
    assert.deepEqual(await desk.run('where alice'), refused(none));
  });

  test('of what cannot be asked about says why', async () => {
    const { errors } = await desk.run('where a/b');
    assert.equal(
      errors,
      'error: the API server does not pass on "a/b", which would be a path: ask a gateway, ' +
        'GET /v1/users/a%2Fb\n',
    );
    assert.equal((await desk.run(`where ${'x'.repeat(257)}`)).code, 2);
  });

  test('of a gateway that says something else blames that', async () => {
    desk.gateway('chat-a', { client: () => ({ hello: 'world' }) });
    const line = 'what chat-a says cannot be read: is it of another version?';
    assert.deepEqual(await desk.run('where alice'), refused(line));
  });
});
