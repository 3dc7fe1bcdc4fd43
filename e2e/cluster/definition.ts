import assert from 'node:assert/strict';
import { join } from 'node:path';
import { kind } from '../../operator/api/wscluster.ts';
import { until } from '../deadline.ts';
import type { Kubectl } from '../lab/kubectl.ts';

export const DEFINITION_FILE = join(import.meta.dirname, '..', '..', 'crds', 'wscluster.yaml');
/** The custom resource, as kubectl names its definition. */
export const DEFINITION = `crd/${kind.plural}.${kind.group}`;

/** Throws where it is there already: a suite deletes it at its end, with all that it has. */
export async function refuseDefinition(kubectl: Kubectl): Promise<void> {
  const { code } = await kubectl.attempt('get', DEFINITION);
  assert.notEqual(code, 0, `${DEFINITION} is there already, and would be deleted with all it has`);
}

/** Resolves when objects of it can be made. */
export async function installDefinition(kubectl: Kubectl): Promise<void> {
  await kubectl('apply', '--server-side', '-f', DEFINITION_FILE);
  await established(kubectl, DEFINITION);
}

/** `kubectl wait` fails at once on one that is too young to have a status. */
export async function established(kubectl: Kubectl, definition: string): Promise<void> {
  const wait = ['wait', definition, '--for=condition=Established', '--timeout=10s'] as const;
  await until(async () => (await kubectl.attempt(...wait)).code === 0, {
    for: `${definition} to be established`,
    deadlineMs: 60_000,
  });
}
