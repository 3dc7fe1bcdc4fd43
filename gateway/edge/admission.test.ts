import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { it } from 'node:test';
import { admissionProblem, plainHello } from './admission.ts';

function request(url: string, headers: Record<string, string> = { host: 'localhost' }) {
  const message = new IncomingMessage(new Socket());
  message.url = url;
  Object.assign(message.headers, headers);
  return message;
}

const doors = { configured: false, allowedOrigins: [], maxConnections: 2 };
const room = { connections: 1, leaving: false };

it('admits to one path only', () => {
  assert.equal(admissionProblem(request('/ws'), doors, room), undefined);
  assert.equal(admissionProblem(request('/ws?topics=a'), doors, room), undefined);
  for (const url of ['/', '/ws/', '/wsx', '/WS', '//ws', 'http://localhost/ws', '']) {
    assert.equal(admissionProblem(request(url), doors, room), 'path', url);
  }
});

it('refuses strangers before it looks at room', () => {
  const full = { connections: 2, leaving: false };
  const evil = { host: 'localhost', origin: 'https://evil.example' };
  assert.equal(admissionProblem(request('/ws', { host: 'evil.example' }), doors, full), 'host');
  assert.equal(admissionProblem(request('/ws', evil), doors, full), 'origin');
  assert.equal(admissionProblem(request('/ws'), doors, full), 'full');
  assert.equal(admissionProblem(request('/ws'), doors, { ...room, leaving: true }), 'leaving');
});

it('reads what a plain client says in its URL', () => {
  const topicsOf = (url: string) => plainHello(request(url))?.topics;
  assert.equal(plainHello(request('/ws')), undefined);
  assert.equal(plainHello(request('/ws?session=me')), undefined);
  assert.deepEqual(plainHello(request('/ws?topics=room.1,room.2&session=me')), {
    topics: ['room.1', 'room.2'],
    session: 'me',
  });
  assert.deepEqual(topicsOf('/ws?topics=a%2Cb,c%20d,%E2%82%AC'), ['a,b', 'c d', '€']);
  assert.deepEqual(topicsOf('/ws?topics=a,,a&topics=b'), ['a', 'b']);
  assert.deepEqual(topicsOf('/ws?topics=%zz'), ['%zz']);
  assert.deepEqual(topicsOf('/ws?topics'), []);
  assert.equal(plainHello(request('/ws?topics=a&session=no/name'))?.session, undefined);
});

it('takes no more topics from a URL than from a command', () => {
  const url = `/ws?topics=${Array.from({ length: 5_000 }, (_, n) => n).join(',')}`;
  assert.equal(plainHello(request(url))?.topics.length, 1_000);
});
