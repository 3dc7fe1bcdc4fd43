import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';

/** Of 20,000: by chance two of so many would be the same in two of three runs. */
const MANY = 200;

describe('a free port', () => {
  it('is given once, though nobody listens on it yet', async () => {
    const ports = await Promise.all(Array.from({ length: MANY }, () => freePort()));
    assert.equal(new Set(ports).size, MANY);
  });

  it('is not given to another process either, while this one lives', async () => {
    const port = await freePort();
    const take = `
      const socket = require('node:dgram').createSocket('udp4');
      socket.once('error', ({ code }) => console.log(code));
      socket.bind({ port: ${port}, address: '127.0.0.1', exclusive: true }, () => socket.close());`;
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', take]);
    assert.equal(stdout.trim(), 'EADDRINUSE');
  });
});
