import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Installer, meetNeeds, type Need, needs } from './needs.ts';

/** A need that is present once its package was installed. */
function machine(problem?: string): { need: Need; installer: Installer; calls: string[] } {
  const calls: string[] = [];
  let present = false;
  const need: Need = {
    name: 'tool',
    packages: ['tool-package'],
    without: 'its tests are skipped',
    isPresent: () => present,
  };
  const installer: Installer = {
    problem,
    update: async () => {
      calls.push('update');
      return undefined;
    },
    install: async (packages) => {
      calls.push(`install ${packages.join(' ')}`);
      present = true;
      return undefined;
    },
  };
  return { need, installer, calls };
}

const silent = () => {};

describe('what the tests need of the machine', () => {
  it('is installed when absent, after one update', async () => {
    const { need, installer, calls } = machine();
    const second = { ...need, packages: ['other'], isPresent: () => false };
    const lacking = await meetNeeds([need, second], installer, silent);
    assert.deepEqual(calls, ['update', 'install tool-package', 'install other']);
    assert.deepEqual(lacking, [
      'tool is absent (installed, and yet not found): its tests are skipped',
    ]);
  });

  it('is looked for where the environment says, and only there', () => {
    const before = process.env['REDIS_SERVER'];
    const redis = needs.find(({ name }) => name === 'redis-server');
    try {
      process.env['REDIS_SERVER'] = process.execPath;
      assert.equal(redis?.isPresent(), true);
      process.env['REDIS_SERVER'] = '/nowhere/redis-server';
      assert.equal(redis?.isPresent(), false);
    } finally {
      if (before === undefined) delete process.env['REDIS_SERVER'];
      else process.env['REDIS_SERVER'] = before;
    }
  });

  it('costs nothing when it is there', async () => {
    const { need, installer, calls } = machine();
    const there = { ...need, isPresent: () => true };
    assert.deepEqual(await meetNeeds([there], installer, silent), []);
    assert.deepEqual(calls, []);
  });

  it('is named with the reason when it cannot be installed', async () => {
    const { need, installer, calls } = machine('this user is not root');
    const lacking = await meetNeeds([need], installer, silent);
    assert.deepEqual(lacking, ['tool is absent (this user is not root): its tests are skipped']);
    assert.deepEqual(calls, []);
  });

  it('is named when its installation fails', async () => {
    const { need, installer } = machine();
    const failing = { ...installer, install: async () => 'no such package' };
    const lacking = await meetNeeds([need], failing, silent);
    assert.deepEqual(lacking, ['tool is absent (no such package): its tests are skipped']);
  });
});
