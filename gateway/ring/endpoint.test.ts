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

it('a template may have the address of a pod as DNS has it, with a dash for a dot or colon', () => {
  const at = (address: string, template: string) =>
    endpointOf({ id: 'chat-0', weight: 1, zone: '', address }, template);
  const path = 'wss://ws.example.com/gateways/{ip}/ws?pod={pod}';
  assert.equal(at('10.0.0.7:8001', path), 'wss://ws.example.com/gateways/10-0-0-7/ws?pod=chat-0');
  assert.equal(at('[fd00::7]:8001', 'wss://{ip}.example.com/'), 'wss://fd00--7.example.com/');
});
