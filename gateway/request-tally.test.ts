import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentEdgeCounts } from './edge/counts.ts';
import { RequestTally } from './request-tally.ts';

describe('the tally of requests', () => {
  const tally = () => {
    const told: string[] = [];
    const requests = new RequestTally();
    const edge = requests.edge({
      ...silentEdgeCounts,
      received: (command) => told.push(command),
      failed: (code) => told.push(code),
    });
    const http = requests.http({
      limited: () => {},
      answered: (route, status) => told.push(`${route} ${status}`),
    });
    return { requests, edge, http, told };
  };

  it('has connections, commands and HTTP requests, each once', () => {
    const { requests, edge, http } = tally();
    edge.state(undefined, 'opening');
    edge.received('hello');
    edge.state('opening', 'open');
    edge.received('sub');
    http.answered('publish', 200, 0.1);
    http.answered('openapi', 500, 0.1);
    assert.deepEqual(requests.requests, { all: 3, failed: 0 });
  });

  it('blames the gateway for what it failed, and for tokens that it did not believe', () => {
    const { requests, edge, http } = tally();
    for (const code of ['store_unavailable', 'internal', 'unauthenticated'] as const) {
      edge.failed(code);
    }
    for (const code of [1011, 1013, 4500]) edge.closed(code);
    for (const status of [401, 500, 503]) http.answered('publish', status, 0.1);
    assert.equal(requests.requests.failed, 9);
  });

  it('does not blame it for what clients do', () => {
    const { requests, edge, http } = tally();
    for (const code of ['forbidden', 'bad_frame', 'rate_limited', 'too_many_topics'] as const) {
      edge.failed(code);
    }
    for (const code of [1000, 1006, 4000, 4007]) edge.closed(code);
    for (const status of [400, 403, 404, 429, 501]) http.answered('publish', status, 0.1);
    assert.equal(requests.requests.failed, 0);
  });

  it('keeps nothing from who counted before', () => {
    const { edge, http, told } = tally();
    edge.received('sub');
    edge.failed('internal');
    http.answered('publish', 200, 0.1);
    assert.deepEqual(told, ['sub', 'internal', 'publish 200']);
  });
});
