import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock, turn } from '../../protocol/testing/manual-clock.ts';
import { Connection, type ConnectionOptions, type WatchEvent } from './connection.ts';
import type { Credentials } from './credentials.ts';
import { KubeError } from './kube-error.ts';
import { CannedTransport, canned, never, pieces } from './testing/canned-transport.ts';
import { type HttpAnswer, type HttpRequest, Unanswered } from './transport.ts';

const PODS = '/api/v1/namespaces/ns/pods';

type Answer = (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>;

function connected(answer: Answer, options: Partial<ConnectionOptions> = {}) {
  const clock = new ManualClock();
  const transport = new CannedTransport(answer);
  let forgotten = 0;
  const credentials: Credentials = {
    ...{ origin: 'https://api', basePath: '/base', namespace: 'ns' },
    current: () => Promise.resolve({ headers: { authorization: 'Bearer t' }, tls: {} }),
    forget: () => {
      forgotten += 1;
    },
  };
  const given = { credentials, transport, clock, userAgent: 'test/1', ...options };
  const api = new Connection(given);
  return { api, clock, transport, forgotten: () => forgotten };
}

/** The error that a call ends with. */
async function failureOf(work: Promise<unknown>): Promise<KubeError> {
  const error = await work.then(
    () => assert.fail('it succeeded'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof KubeError, String(error));
  return error;
}

async function all(events: AsyncIterable<WatchEvent>): Promise<string[]> {
  const seen: string[] = [];
  for await (const { type, object } of events) seen.push(`${type} ${JSON.stringify(object)}`);
  return seen;
}

const watching = { path: PODS, query: { resourceVersion: '7' }, idleMs: 60_000 };

describe('a call', () => {
  test('says who it is, and sends and gives back JSON as it is', async () => {
    const { api, transport } = connected(() => canned({ body: '{"unheard":{"of":[1]}}' }));
    const body = { spec: { fieldOfTomorrow: { nested: true } } };
    const query = { fieldManager: 'me', force: true, dryRun: undefined };
    const patch = 'apply-patch+yaml' as const;
    const answer = await api.call({ method: 'PATCH', path: PODS, query, body, patch });
    assert.deepEqual(answer, { unheard: { of: [1] } });
    const [request] = transport.requests;
    assert.equal(request?.path, `/base${PODS}?fieldManager=me&force=true`);
    assert.equal(request.body, '{"spec":{"fieldOfTomorrow":{"nested":true}}}');
    assert.deepEqual(request.headers, {
      authorization: 'Bearer t',
      accept: 'application/json',
      'user-agent': 'test/1',
      'content-type': 'application/apply-patch+yaml',
    });
  });

  for (const { code, reason, verdict } of [
    { code: 400, reason: 'BadRequest', verdict: 'terminal' },
    { code: 401, reason: 'Unauthorized', verdict: 'retry' },
    { code: 403, reason: 'Forbidden', verdict: 'retry' },
    { code: 404, reason: 'NotFound', verdict: 'expected' },
    { code: 409, reason: 'Conflict', verdict: 'expected' },
    { code: 410, reason: 'Gone', verdict: 'expected' },
    { code: 422, reason: 'Invalid', verdict: 'terminal' },
    { code: 429, reason: 'TooManyRequests', verdict: 'retry' },
    { code: 500, reason: 'InternalError', verdict: 'retry' },
    { code: 503, reason: 'ServiceUnavailable', verdict: 'retry' },
  ] as const) {
    test(`answered ${code} is ${verdict}, also without a Status`, async () => {
      const { api } = connected(() => canned({ status: code, body: '<html>a proxy</html>' }));
      const error = await failureOf(api.call({ method: 'GET', path: PODS }));
      assert.deepEqual([error.verdict, error.reason, error.status], [verdict, reason, code]);
    });
  }

  test('that is refused tells what the API server said, and when to come back', async () => {
    const details = { retryAfterSeconds: 9 };
    const status = { kind: 'Status', reason: 'Told', message: 'too much', details };
    const body = JSON.stringify(status);
    const wait = async (headers: Record<string, string>, text = body) => {
      const { api } = connected(() => canned({ status: 429, headers, body: text }));
      const error = await failureOf(api.call({ method: 'GET', path: PODS }));
      return [error.reason, error.retryAfterMs];
    };
    assert.deepEqual(await wait({ 'retry-after': '2' }), ['Told', 2000]);
    assert.deepEqual(await wait({}), ['Told', 9000]);
    assert.deepEqual(await wait({}, ''), ['TooManyRequests', undefined]);
    assert.deepEqual(await wait({ 'retry-after': 'soon' }, ''), ['TooManyRequests', undefined]);
    // Nobody waits for a day because a server says so.
    assert.deepEqual(await wait({ 'retry-after': '86400' }), ['Told', 300_000]);
    const at = new Date(new ManualClock().wall() + 3000).toUTCString();
    assert.deepEqual(await wait({ 'retry-after': at }), ['Told', 3000]);
  });

  test('may say more to whom it is passed on, and is told what that one said', async () => {
    const { api, transport } = connected(() => canned({ status: 403, body: '{"code":"no"}' }));
    const headers = { 'x-api-key': 'k', authorization: 'Bearer theirs' };
    const error = await failureOf(api.call({ method: 'GET', path: PODS, headers }));
    assert.deepEqual([error.status, error.answer], [403, '{"code":"no"}']);
    const [request] = transport.requests;
    assert.equal(request?.headers['x-api-key'], 'k');
    assert.equal(request?.headers['authorization'], 'Bearer t', 'it is itself in any case');
  });

  test('has its token read again when the server does not know it', async () => {
    const { api, forgotten } = connected(() => canned({ status: 401 }));
    await failureOf(api.call({ method: 'GET', path: PODS }));
    assert.equal(forgotten(), 1);
  });

  test('that is not answered in time ends, and says that the connection may be dead', async () => {
    const reasons: unknown[] = [];
    const { api, clock } = connected(async ({ signal }) => {
      return never(signal).catch((error: unknown) => {
        reasons.push(error);
        throw error;
      });
    });
    const ended = failureOf(api.call({ method: 'GET', path: PODS, deadlineMs: 5000 }));
    await clock.advance(4999);
    assert.equal(reasons.length, 0);
    await clock.advance(1);
    const error = await ended;
    assert.deepEqual([error.verdict, error.reason], ['retry', 'DeadlineExceeded']);
    assert.ok(reasons[0] instanceof Unanswered);
    assert.equal(clock.timers, 0);
  });

  test('whose answer stops in the middle ends at the same deadline', async () => {
    const { api, clock } = connected(({ signal }) => {
      async function* halting() {
        yield Buffer.from('{"items":[');
        await never(signal);
      }
      return canned({ body: halting() });
    });
    const ended = failureOf(api.call({ method: 'GET', path: PODS }));
    await clock.advance(30_000);
    assert.equal((await ended).reason, 'DeadlineExceeded');
  });

  test('waits for credentials no longer than for anything else', async () => {
    const credentials: Credentials = {
      ...{ origin: 'https://api', basePath: '', namespace: undefined },
      current: () => new Promise(() => {}),
      forget: () => {},
    };
    const { api, clock } = connected(() => canned({}), { credentials });
    const ended = failureOf(api.call({ method: 'GET', path: PODS }));
    await clock.advance(30_000);
    assert.equal((await ended).reason, 'DeadlineExceeded');
  });

  test('without credentials says so, and is tried again', async () => {
    const credentials: Credentials = {
      ...{ origin: 'https://api', basePath: '', namespace: undefined },
      current: () => Promise.reject(new Error('plugin: exit 1')),
      forget: () => {},
    };
    const { api } = connected(() => canned({}), { credentials });
    const error = await failureOf(api.call({ method: 'GET', path: PODS }));
    assert.deepEqual([error.verdict, error.reason], ['retry', 'CredentialsUnavailable']);
  });

  test('with a larger answer than it can hold ends before it holds it', async () => {
    let given = 0;
    async function* endless() {
      for (;;) {
        given += 1;
        yield Buffer.alloc(1024);
      }
    }
    const options = { maxAnswerBytes: 4096 };
    const { api } = connected(() => canned({ body: endless() }), options);
    const error = await failureOf(api.call({ method: 'GET', path: PODS }));
    assert.deepEqual([error.verdict, error.reason], ['terminal', 'AnswerTooLarge']);
    assert.equal(given, 5);
  });

  test('asks its caller at the last moment whether it is still to be sent', async () => {
    let may = true;
    const { api, transport } = connected(() => canned({ body: '{}' }));
    const before = () => {
      if (!may) throw new RangeError('not any more');
    };
    await api.call({ method: 'GET', path: PODS, before });
    const late = api.call({ method: 'GET', path: PODS, before });
    may = false;
    await assert.rejects(late, /^RangeError: not any more/);
    assert.equal(transport.requests.length, 1);
  });

  test('that its caller gives up ends with the reason of the caller', async () => {
    const { api } = connected(({ signal }) => never(signal));
    const caller = new AbortController();
    const ended = api.call({ method: 'GET', path: PODS, signal: caller.signal });
    await turn();
    caller.abort(new Error('shutting down'));
    await assert.rejects(ended, /^Error: shutting down/);
  });
});

describe('a watch', () => {
  const signal = new AbortController().signal;

  test('gives events whole, however the network cuts them', async () => {
    const lines = [
      '{"type":"ADDED","object":{"metadata":{"name":"ü"}}}\n',
      '{"type":"DELETED","object":{"a":1}}\n{"type":"BOOKMARK","object":{}}\n{"type":"ADD',
    ];
    const bytes = Buffer.from(lines.join(''));
    const bodies = [
      pieces(...lines),
      (async function* one() {
        for (const byte of bytes) yield Uint8Array.of(byte);
      })(),
    ];
    for (const body of bodies) {
      const { api, transport } = connected(() => canned({ body }));
      assert.deepEqual(await all(api.watch({ ...watching, signal })), [
        'ADDED {"metadata":{"name":"ü"}}',
        'DELETED {"a":1}',
        'BOOKMARK {}',
      ]);
      assert.match(transport.requests[0]?.path ?? '', /\?resourceVersion=7&watch=true$/);
    }
  });

  test('is over when the server says so in an event', async () => {
    const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' };
    const body = `${JSON.stringify({ type: 'ERROR', object: status })}\n`;
    const { api } = connected(() => canned({ body }));
    const error = await failureOf(all(api.watch({ ...watching, signal })));
    assert.deepEqual([error.status, error.reason, error.verdict], [410, 'Expired', 'expected']);
  });

  test('is over after too long a silence, and not before: client-node #596, #3020', async () => {
    // #596: a connection whose other end vanished stays silent for ever. #3020: a watch that is
    // healthy was ended 30 s after it began.
    const idleMs = 60_000;
    const { api, clock } = connected(({ signal: given }) => {
      async function* slow() {
        for (let count = 0; count < 5; count += 1) {
          await new Promise<void>((resolve) => clock.after(idleMs - 1, resolve));
          yield Buffer.from('{"type":"BOOKMARK","object":{}}\n');
        }
        await never(given);
      }
      return canned({ body: slow() });
    });
    let seen = 0;
    const ended = failureOf(
      (async () => {
        for await (const _ of api.watch({ ...watching, signal })) seen += 1;
      })(),
    );
    await clock.advance(5 * (idleMs - 1));
    assert.equal(seen, 5);
    await clock.advance(idleMs);
    assert.equal((await ended).reason, 'DeadlineExceeded');
    assert.equal(clock.timers, 0);
  });

  test('whose events never end their line ends', async () => {
    async function* endless() {
      for (;;) yield Buffer.alloc(1024, 'x');
    }
    const { api } = connected(() => canned({ body: endless() }), { maxEventBytes: 8192 });
    const error = await failureOf(all(api.watch({ ...watching, signal })));
    assert.equal(error.reason, 'AnswerTooLarge');
  });

  test('that nobody listens to any more is ended at the server', async () => {
    let given: AbortSignal | undefined;
    const { api, clock } = connected((request) => {
      given = request.signal;
      return canned({ body: pieces('{"type":"ADDED","object":{}}\n', '{"type":"ADD') });
    });
    for await (const _ of api.watch({ ...watching, signal })) break;
    assert.equal(given?.aborted, true);
    assert.equal(clock.timers, 0);
  });
});
