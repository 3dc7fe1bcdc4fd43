import assert from 'node:assert/strict';
import { it } from 'node:test';
import { endpointOf } from './endpoint.ts';

it('clients reach a pod by a template, by its address, or not at all', () => {
  const member = { id: 'chat-0', weight: 1, zone: '', address: '[fd00::7]:8001' };
  assert.equal(endpointOf(member, 'none'), undefined);
  assert.equal(endpointOf(member, 'address'), 'ws://[fd00::7]:8001/ws');
  const template = 'wss://{pod}.ws.example.com/ws?at={pod}';
  assert.equal(endpointOf(member, template), 'wss://chat-0.ws.example.com/ws?at=chat-0');
});
