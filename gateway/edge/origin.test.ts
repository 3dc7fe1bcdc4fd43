import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isLoopbackAddress, type OriginRules, originProblem } from './origin.ts';

const open: OriginRules = { configured: false, allowedOrigins: [] };
const keyed: OriginRules = { configured: true, allowedOrigins: [] };
const listed: OriginRules = {
  configured: true,
  allowedOrigins: ['https://app.example.com', 'null', 'app://local'],
};
const any: OriginRules = { configured: true, allowedOrigins: ['*'] };
const page: OriginRules = { configured: false, allowedOrigins: ['http://127.0.0.1:8000'] };

describe('Host and Origin', () => {
  const cases = [
    // Without keys only loopback names are served.
    [open, 'localhost:8001', undefined, undefined],
    [open, 'LOCALHOST', undefined, undefined],
    [open, '127.0.0.1:8001', undefined, undefined],
    [open, '127.1.2.3', undefined, undefined],
    [open, '[::1]:8001', undefined, undefined],
    [open, 'example.com', undefined, 'host'],
    [open, '10.0.0.1:8001', undefined, 'host'],
    [open, '127.0.0.1.evil.example', undefined, 'host'],
    [open, 'localhost.evil.example:8001', undefined, 'host'],
    [open, 'localhost@evil.example', undefined, 'host'],
    [open, '', undefined, 'host'],
    [open, undefined, undefined, 'host'],
    // And of pages only their own.
    [open, '127.0.0.1:8001', 'http://127.0.0.1:8001', undefined],
    [open, 'localhost:8001', 'http://LOCALHOST:8001', undefined],
    [open, 'localhost', 'http://localhost:80', undefined],
    [open, 'localhost:443', 'https://localhost', undefined],
    [open, '127.0.0.1:8001', 'http://127.0.0.1:8000', 'origin'],
    [open, '127.0.0.1:8001', 'http://localhost:8001', 'origin'],
    [open, '127.0.0.1:8001', 'https://evil.example', 'origin'],
    [open, '127.0.0.1:8001', 'null', 'origin'],
    [open, '127.0.0.1:8001', '', 'origin'],
    [open, '127.0.0.1:8001', 'file://', 'origin'],
    [page, '127.0.0.1:8001', 'http://127.0.0.1:8000', undefined],
    [page, '127.0.0.1:8001', 'http://127.0.0.1:9999', 'origin'],
    // With keys any Host is served; pages must be its own or listed.
    [keyed, 'ws.example.com', undefined, undefined],
    [keyed, 'ws.example.com', 'https://ws.example.com', undefined],
    [keyed, 'ws.example.com', 'https://app.example.com', 'origin'],
    [keyed, 'ws.example.com', 'https://ws.example.com.evil.example', 'origin'],
    [keyed, 'ws.example.com', 'null', 'origin'],
    [listed, 'ws.example.com', 'https://app.example.com', undefined],
    [listed, 'ws.example.com', 'https://APP.example.com', undefined],
    [listed, 'ws.example.com', 'http://app.example.com', 'origin'],
    [listed, 'ws.example.com', 'https://app.example.com:8443', 'origin'],
    [listed, 'ws.example.com', 'null', undefined],
    [listed, 'ws.example.com', 'app://local', undefined],
    [any, 'ws.example.com', 'https://anything.example', undefined],
    [any, 'ws.example.com', 'null', undefined],
    [any, undefined, undefined, 'host'],
  ] as const;

  for (const [rules, host, origin, problem] of cases) {
    const keys = rules.configured ? 'with keys' : 'without keys';
    const list = rules.allowedOrigins.join(' ');
    it(`${keys} [${list}]: Host ${host}, Origin ${origin} → ${problem ?? 'served'}`, () => {
      assert.equal(originProblem({ host, origin }, rules), problem);
    });
  }
});

it('knows the addresses of its own machine', () => {
  for (const address of ['127.0.0.1', '127.8.0.1', '::1', '::ffff:127.0.0.1']) {
    assert.ok(isLoopbackAddress(address), address);
  }
  for (const address of ['10.0.0.1', '::ffff:10.0.0.1', 'fe80::1', '128.0.0.1', undefined]) {
    assert.ok(!isLoopbackAddress(address), `${address}`);
  }
});
