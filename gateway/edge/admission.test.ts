import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { it } from 'node:test';
import { IncomingMessage } from '../../process/http.ts';
import { admissionProblem } from './admission.ts';

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
