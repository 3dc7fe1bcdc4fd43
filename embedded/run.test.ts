import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { Embedded, embeddedPorts } from '../e2e/browser/embedded.ts';
import { Child } from '../e2e/processes/child.ts';

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

async function run(...args: string[]): Promise<Ended> {
  const main = join(import.meta.dirname, 'main.ts');
  const child = new Child({ command: process.execPath, args: [main, ...args] });
  const { code } = await child.exited;
  return { code, output: child.output };
}

describe('npm start', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  async function take(port: number): Promise<void> {
    const server = createServer().listen(port, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
  }

  it('says where to look and ends in peace', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const embedded = await Embedded.start(['--gateways', '2']);
      const { gateways, store } = await embedded.fleet();
      assert.deepEqual([gateways.length, store], [2, 'memory']);
      assert.deepEqual(await embedded.child.end(signal), { code: 0, signal: null });
      assert.ok(embedded.child.output.includes(`Look      ${embedded.url}\n`));
    }
  });

  it('explains itself', async () => {
    const { code, output } = await run('--help');
    assert.equal(code, 0);
    assert.match(output, /--gateways N/);
  });

  it('refuses a bad option in one line', async () => {
    const { code, output } = await run('--gateways', '11');
    assert.equal(code, 2);
    assert.equal(output, '--gateways "11": needs a whole number from 1 to 9\n');
  });

  it('says which port is taken and how to choose another', async () => {
    const port = await embeddedPorts();
    await take(port + 2);
    const second = await run('--port', String(port));
    assert.equal(second.code, 2);
    assert.match(
      second.output,
      /^Port \d+, of gateway 2 .* is taken\. Choose another for the page/,
    );
    assert.match(second.output, /: npm start -- --port \d+\n$/);
    await take(port);
    const page = await run('--port', String(port));
    assert.equal(page.code, 2);
    assert.match(page.output, new RegExp(`^Port ${port} is taken\\. Choose another .*\n$`));
  });

  it('says in one line that Redis cannot be reached, without its password', async () => {
    const redis = 'redis://user:secret@127.0.0.1:1';
    const { code, output } = await run('--port', String(await embeddedPorts()), '--redis', redis);
    assert.equal(code, 1);
    assert.match(output, /^Connecting to Redis …\n[^\n]*Redis[^\n]*127\.0\.0\.1:1[^\n]*\n$/);
    assert.ok(!output.includes('secret'), output);
  });
});
