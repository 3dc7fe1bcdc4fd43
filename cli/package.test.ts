import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';

const root = join(import.meta.dirname, '..');
const LIMITS = { encoding: 'utf8', timeout: 120_000 } as const;
const LIMIT_BYTES = 1_048_576;

describe('the package as docs/kubectl.md says to build and install it', () => {
  let folder = '';
  let tarball = '';
  const run = (name: string, ...args: readonly string[]) =>
    spawnSync(join(folder, 'node_modules', '.bin', name), args, {
      ...LIMITS,
      env: { PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter) },
    });

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'wscluster-cli-'));
    const building = [join(root, 'scripts', 'build-cli.ts'), join(folder, 'made')];
    tarball = execFileSync(process.execPath, building, LIMITS).trim();
    const install = ['install', '--prefix', folder, '--offline', '--no-audit', '--no-fund'];
    execFileSync('npm', [...install, tarball], { ...LIMITS, stdio: 'pipe' });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('is one file with its licenses, and no package besides', (t) => {
    const files = execFileSync('tar', ['tzf', tarball], LIMITS).trim().split('\n').sort();
    const names = ['LICENSE', 'README.md', 'THIRD-PARTY-LICENSES.txt', 'package.json'];
    assert.deepEqual(
      files,
      [...names, 'wscluster.js'].map((name) => `package/${name}`),
    );
    const { length } = readFileSync(tarball);
    t.diagnostic(`${length} bytes`);
    assert.ok(length < LIMIT_BYTES, `${length} bytes`);
    const installed = join(folder, 'node_modules', 'wscluster');
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as object;
    assert.ok(!('dependencies' in manifest) && !('private' in manifest));
    const licenses = readFileSync(join(installed, 'THIRD-PARTY-LICENSES.txt'), 'utf8');
    for (const name of ['@kubernetes/client-node', 'undici', 'zod']) {
      assert.match(licenses, new RegExp(`^${name} [0-9.]+: `, 'm'));
    }
  });

  it('is run by both of its names, and ends with what its words are worth', () => {
    for (const name of ['kubectl-wscluster', 'wscluster']) {
      const { status, stdout } = run(name, '--version');
      assert.deepEqual([status, stdout], [0, '0.1.0\n']);
    }
    const help = run('kubectl-wscluster', '--help');
    assert.match(help.stdout, /^kubectl wscluster COMMAND \[options\]\n/);
    const wrong = run('kubectl-wscluster', 'statsu');
    const line = 'error: there is no command "statsu"; did you mean status?\n';
    assert.deepEqual([wrong.status, wrong.stdout, wrong.stderr], [2, '', line]);
  });

  it('says which kubeconfig it cannot use', () => {
    const { status, stderr } = run('wscluster', 'status', '--kubeconfig', '/nowhere');
    assert.equal(status, 1);
    assert.match(stderr, /^error: the kubeconfig \/nowhere cannot be used: ENOENT[^\n]*\n$/);
  });
});
