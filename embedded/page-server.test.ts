import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { embeddedPorts } from '../e2e/browser/embedded.ts';
import { request } from '../process/http.ts';
import type { FleetView } from './contract.ts';
import { type Controlled, PageServer, pageOrigins, Refused } from './page-server.ts';

const PORT = await embeddedPorts();
const ORIGIN = `http://127.0.0.1:${PORT}`;

interface Answer {
  readonly status: number;
  readonly body: string;
}

interface Ask {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
}

function ask({ method = 'GET', path, headers = {} }: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: PORT, method, path, headers, agent: false };
    const sent = request(options, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe("the page's server", () => {
  const calls: string[] = [];
  let listeners = 0;
  let changed = () => {};
  let document: string | undefined;
  const view: FleetView = {
    run: '1',
    startedAt: 1,
    store: 'memory',
    gateways: [],
    ring: { generation: 1, counter: 2, digest: 'a' },
    mayStart: true,
  };
  const fleet: Controlled = {
    view: () => view,
    ringDocument: () => document,
    start: async () => {
      calls.push('start');
    },
    act: async (id, action) => {
      if (id === 9) throw new Refused(404, 'There is no gateway 9.');
      calls.push(`${action} ${id}`);
    },
    onChange: (listener) => {
      listeners += 1;
      changed = listener;
      return () => {
        listeners -= 1;
      };
    },
  };
  const page = { type: 'text/html', body: Buffer.from('<p>page') };
  const server = new PageServer(PORT, new Map([['/', page]]), fleet);

  before(() => server.listen());
  after(() => server.close());
  beforeEach(() => calls.splice(0));

  const post = (path: string, headers: Record<string, string> = { origin: ORIGIN }) =>
    ask({ method: 'POST', path, headers });

  it('serves the page and the state of the fleet', async () => {
    assert.deepEqual(await ask({ path: '/' }), { status: 200, body: '<p>page' });
    assert.deepEqual(JSON.parse((await ask({ path: '/api/fleet' })).body), view);
    assert.equal((await ask({ path: '/nothing' })).status, 404);
  });

  it('serves the ring in force, while there is one', async () => {
    const none = await ask({ path: '/api/ring' });
    assert.deepEqual(
      [none.status, JSON.parse(none.body).message],
      [404, 'No gateway that answers has a ring.'],
    );
    document = '{"format":1}';
    assert.deepEqual(await ask({ path: '/api/ring' }), { status: 200, body: document });
  });

  it('does what the page asks for', async () => {
    assert.equal((await post('/api/gateways')).status, 200);
    assert.equal((await post('/api/gateways/2/kill')).status, 200);
    assert.deepEqual(calls, ['start', 'kill 2']);
  });

  it('changes nothing for a foreign page, for none, or under a foreign name', async () => {
    for (const headers of [
      { origin: 'http://evil.example' },
      {},
      { origin: 'null' },
      { origin: `http://evil.example:${PORT}`, host: `evil.example:${PORT}` },
    ] as Record<string, string>[]) {
      assert.equal((await post('/api/gateways', headers)).status, 403, JSON.stringify(headers));
    }
    const rebound = { path: '/api/fleet', headers: { host: 'evil.example' } };
    assert.equal((await ask(rebound)).status, 403);
    assert.deepEqual(calls, []);
  });

  it('goes by the names that browsers give it, which leave port 80 out', () => {
    assert.deepEqual(pageOrigins(80), ['http://127.0.0.1', 'http://localhost']);
    assert.deepEqual(pageOrigins(8000), ['http://127.0.0.1:8000', 'http://localhost:8000']);
  });

  it('refuses actions and gateways that it does not know', async () => {
    for (const path of ['/2/explode', '/0/kill', '/x/kill', '/2/kill/3', '/2', 'x']) {
      assert.equal((await post(`/api/gateways${path}`)).status, 404, path);
    }
    const answer = await post('/api/gateways/9/kill');
    assert.deepEqual(
      [answer.status, JSON.parse(answer.body).message],
      [404, 'There is no gateway 9.'],
    );
    assert.equal((await ask({ method: 'PUT', path: '/' })).status, 405);
  });

  it('tells a page of changes at once, and does nothing when nobody looks', async () => {
    assert.equal(listeners, 0);
    const events: string[] = [];
    await new Promise<void>((resolve, reject) => {
      const options = { host: '127.0.0.1', port: PORT, path: '/api/events', agent: false };
      const sent = request(options, (response) => {
        response.on('data', (chunk: Buffer) => {
          events.push(chunk.toString());
          if (events.length === 1) changed();
          else response.destroy();
        });
        response.on('close', () => resolve());
      });
      sent.on('error', reject);
      sent.end();
    });
    assert.equal(events[0], `data: ${JSON.stringify(view)}\n\n`);
    const deadline = Date.now() + 5_000;
    while (listeners > 0 && Date.now() < deadline) await new Promise((r) => setTimeout(r, 5));
    assert.equal(listeners, 0);
  });
});
