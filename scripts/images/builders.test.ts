import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { buildArguments, builders, targets } from './builders.ts';

const file = readFileSync(join(import.meta.dirname, '../../Dockerfile'), 'utf8');
const image = { target: 'gateway', prefix: 'wscluster', tag: '1', node: undefined } as const;

/** The words of each builder's command line, without the folder. */
const wordsOf = (platforms: readonly string[], node?: string) =>
  builders.map((builder) => {
    const words = buildArguments(builder, { ...image, platforms, node }, '/here');
    assert.equal(words.pop(), '/here');
    return `${builder.name} ${words.join(' ')}`;
  });

describe('building images', () => {
  it('names a target that the Dockerfile has', () => {
    for (const target of targets) assert.match(file, new RegExp(`^FROM \\S+ AS ${target}$`, 'm'));
  });

  it('asks each builder in its own words', () => {
    assert.deepEqual(wordsOf([]), [
      'docker build --target gateway --tag wscluster/gateway:1',
      'podman build --target gateway --tag wscluster/gateway:1 --format docker',
      'buildah build --target gateway --tag wscluster/gateway:1 --format docker',
    ]);
    const both = ['linux/amd64', 'linux/arm64'];
    assert.deepEqual(wordsOf(both, 'node:1'), [
      'docker buildx build --target gateway --tag wscluster/gateway:1 ' +
        '--platform linux/amd64,linux/arm64 --build-arg NODE=node:1',
      'podman build --target gateway --manifest wscluster/gateway:1 ' +
        '--platform linux/amd64,linux/arm64 --build-arg NODE=node:1 --format docker',
      'buildah build --target gateway --manifest wscluster/gateway:1 ' +
        '--platform linux/amd64,linux/arm64 --build-arg NODE=node:1 --format docker',
    ]);
  });
});
