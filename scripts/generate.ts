// `npm run generate`: writes what is made from the source. `-- --check` compares byte for byte
// instead and names what differs.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { metricsDocument } from '../gateway/metrics/document.ts';
import { settingsDocument } from '../gateway/settings/document.ts';
import { customResourceDefinition } from '../operator/api/custom-resource-definition.ts';
import { crdDocument } from '../operator/api/document.ts';
import { withCodeTables } from './documents/codes.ts';
import { manifest } from './documents/manifest.ts';

interface GeneratedFile {
  readonly path: string;
  /** The whole content; `current` is what the file holds now, empty when it does not exist. */
  make(current: string): string | Promise<string>;
}

const files: readonly GeneratedFile[] = [
  { path: 'docs/protocol.md', make: withCodeTables },
  { path: 'docs/settings.md', make: settingsDocument },
  { path: 'docs/metrics.md', make: metricsDocument },
  { path: 'docs/crd.md', make: crdDocument },
  { path: 'crds/wscluster.yaml', make: () => manifest(customResourceDefinition()) },
];

const root = join(import.meta.dirname, '..');
const check = process.argv.includes('--check');
let stale = 0;

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}

for (const { path, make } of files) {
  const current = read(join(root, path));
  const wanted = await make(current);
  if (current === wanted) continue;
  stale += 1;
  if (check) process.stdout.write(`${path}: out of date; run \`npm run generate\`\n`);
  else {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), wanted);
    process.stdout.write(`${path}: written\n`);
  }
}
const verdict = check ? `${stale} out of date` : `${stale} written`;
process.stdout.write(`${files.length} generated files, ${verdict}\n`);
process.exitCode = check && stale > 0 ? 1 : 0;
