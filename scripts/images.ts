// `npm run images [-- --tag 1.2.3 --prefix registry.example.com/chat]`: makes the images of the
// Dockerfile with Docker, Podman or buildah, whichever is there. The last lines are their names.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Builder, buildArguments, builders, nameOf, targets } from './images/builders.ts';

const root = join(import.meta.dirname, '..');
const PROBE_MS = 20_000;
const BUILD_MS = 30 * 60_000;
const HELP = `Usage: npm run images [-- options]

  --tag TAG            default: the version of package.json
  --prefix PREFIX      before /gateway and /operator; default: wscluster
  --platform LIST      linux/amd64,linux/arm64; default: that of this machine
  --builder NAME       docker, podman or buildah; default: the first that works
  --node IMAGE         image of Node to begin from; default: that of the Dockerfile
`;

function options() {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      ...{ tag: text, prefix: text, platform: text, builder: text, node: text },
      help: { type: 'boolean' },
    },
  });
  return values;
}

/** Why a builder cannot be used; undefined: it can. */
function problemOf({ name, probe }: Builder): string | undefined {
  const { status, error, stderr } = spawnSync(name, probe, { timeout: PROBE_MS, encoding: 'utf8' });
  if (status === 0) return undefined;
  if (error !== undefined && 'code' in error && error.code === 'ENOENT') return 'is not installed';
  const [reason] = stderr.trim().split('\n').reverse();
  return reason || error?.message || `ended with ${status}`;
}

function choose(wanted: string | undefined): Builder {
  const candidates = builders.filter(({ name }) => wanted === undefined || name === wanted);
  if (candidates.length === 0) {
    const names = builders.map(({ name }) => name).join(', ');
    throw new Error(`--builder: one of ${names}, not ${JSON.stringify(wanted)}`);
  }
  const problems = candidates.map((builder) => [builder, problemOf(builder)] as const);
  const [usable] = problems.find(([, problem]) => problem === undefined) ?? [];
  if (usable !== undefined) return usable;
  const reasons = problems.map(([{ name }, problem]) => `  ${name}: ${problem}`);
  throw new Error(`No program that builds images can be used:\n${reasons.join('\n')}`);
}

function main(): number {
  const { tag, prefix = 'wscluster', platform, builder: wanted, node, help } = options();
  if (help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const builder = choose(wanted);
  const shared = { prefix, tag: tag ?? String(version), node };
  const platforms = platform?.split(',') ?? [];
  const names: string[] = [];
  for (const target of targets) {
    const image = { ...shared, target, platforms };
    const args = buildArguments(builder, image, root);
    process.stdout.write(`${builder.name} ${args.join(' ')}\n`);
    const { status } = spawnSync(builder.name, args, { stdio: 'inherit', timeout: BUILD_MS });
    if (status !== 0) throw new Error(`${builder.name} did not build ${nameOf(image)}`);
    names.push(nameOf(image));
  }
  process.stdout.write(`${names.join('\n')}\n`);
  return 0;
}

try {
  process.exitCode = main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
