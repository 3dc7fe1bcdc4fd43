import assert from 'node:assert/strict';
import { until } from '../deadline.ts';
import type { Kubectl } from '../lab/kubectl.ts';

/** What holds for every image of ours. */

const MOST_BYTES = 250 * 1024 * 1024;

interface Node {
  readonly status: {
    readonly images: readonly { readonly names: readonly string[]; readonly sizeBytes: number }[];
  };
}

/** A pod that runs the image. */
export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

/** Runs a script in the pod, with its Node; resolves to what it writes. */
async function inPod(kubectl: Kubectl, pod: PodName, script: string): Promise<string> {
  const { namespace, name } = pod;
  return (await kubectl('-n', namespace, 'exec', name, '--', 'node', '-e', script)).trim();
}

export async function assertSmall(kubectl: Kubectl, image: string): Promise<void> {
  // A kubelet tells of its images now and then.
  const bytes = await until(
    async () => {
      const [node] = ((await kubectl.get('nodes')) as { items: Node[] }).items;
      return node?.status.images.find(({ names }) => names.includes(image))?.sizeBytes;
    },
    { for: `the node to have ${image}`, deadlineMs: 60_000, everyMs: 500 },
  );
  console.log(`${bytes} bytes`);
  assert.ok(bytes <= MOST_BYTES, `${bytes} bytes`);
}

/** No shell, no root, nothing to write to. */
export async function assertBare(kubectl: Kubectl, pod: PodName): Promise<void> {
  const { namespace, name } = pod;
  const shell = await kubectl.attempt('-n', namespace, 'exec', name, '--', '/bin/sh');
  assert.match(shell.stderr, /no such file or directory/);
  const script = `
    const { readdirSync, writeFileSync } = require('node:fs');
    const refused = (path) => {
      try { writeFileSync(path, ''); return 'written'; } catch ({ code }) { return code; }
    };
    const programs = readdirSync('/usr/local/bin').join();
    console.log(JSON.stringify([process.getuid(), programs, refused('/app/x'), refused('/x')]));`;
  assert.equal(await inPod(kubectl, pod, script), '[65532,"node","EROFS","EROFS"]');
}

/**
 * Its bill of materials names Node and every package that is there; the first of `known` is one of
 * these, the second is not.
 */
export async function assertTold(
  kubectl: Kubectl,
  pod: PodName,
  [known, foreign]: readonly [string, string],
): Promise<void> {
  const script = `
    const { readFileSync } = require('node:fs');
    const json = (path) => JSON.parse(readFileSync(path, 'utf8'));
    const told = new Set(json('sbom.spdx.json').packages.map(({ name }) => name));
    const there = Object.keys(json('node_modules/.package-lock.json').packages)
      .filter((path) => path.startsWith('node_modules/') && !path.includes('@wscluster'))
      .map((path) => path.split('node_modules/').at(-1));
    const untold = there.filter((name) => !told.has(name));
    const has = ['${known}', '${foreign}'].map((name) => there.includes(name));
    console.log(JSON.stringify([has, told.has('node'), untold]));`;
  assert.equal(await inPod(kubectl, pod, script), '[[true,false],true,[]]');
}

/** Nobody runs there but the program of the image, although others did before. */
export async function assertAlone(kubectl: Kubectl, pod: PodName): Promise<void> {
  const script = `
    const { readdirSync, readFileSync } = require('node:fs');
    const stat = (pid) => readFileSync('/proc/' + pid + '/stat', 'utf8');
    const others = (pid) => +pid > 0 && +pid !== process.pid;
    const pids = readdirSync('/proc').filter(others);
    console.log(pids.map((pid) => pid + ' ' + stat(pid).split(') ')[1][0]).join());`;
  for (let n = 0; n < 2; n += 1) assert.match(await inPod(kubectl, pod, script), /^1 [SR]$/);
}

/** Of the program of the image: anonymous memory, and what it has loaded of files. */
export async function residentBytes(kubectl: Kubectl, pod: PodName): Promise<number> {
  const script = `
    const status = require('node:fs').readFileSync('/proc/1/status', 'utf8');
    console.log(/^VmRSS:\\s+(\\d+) kB/m.exec(status)[1]);`;
  return Number(await inPod(kubectl, pod, script)) * 1_024;
}

/**
 * Tells the program of a pod to end, as a kubelet would; the pod stays. Resolves then to what
 * resolves to its exit code, once it has ended and was started anew.
 */
export async function ending(kubectl: Kubectl, pod: PodName): Promise<() => Promise<number>> {
  const { name, namespace } = pod;
  const signal = ['node', '-e', 'process.kill(1, "SIGTERM")'];
  // With it ends all that runs in the pod, maybe this command before it is answered.
  await kubectl.attempt('-n', namespace, 'exec', name, '--', ...signal);
  return () =>
    until(
      async () => {
        const { status } = (await kubectl.get('pod', name, '-n', namespace)) as Ended;
        const [container] = status.containerStatuses ?? [];
        return container?.restartCount === 1 ? container.lastState.terminated?.exitCode : undefined;
      },
      { for: `${name} to end`, deadlineMs: 90_000, everyMs: 250 },
    );
}

interface Ended {
  readonly status: {
    readonly containerStatuses?: readonly {
      readonly restartCount: number;
      readonly lastState: { readonly terminated?: { readonly exitCode: number } };
    }[];
  };
}
