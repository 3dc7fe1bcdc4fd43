import type { TestContext } from 'node:test';
import { run } from '../lab/command.ts';
import { type Image, nodeImage, redisImage } from '../lab/images.ts';
import { type Kubectl, kubectl } from '../lab/kubectl.ts';
import { type Lab, startLab } from '../lab/lab.ts';

/** The cluster that a suite runs on: a lab of its own, or the one that E2E_KUBECONFIG names. */
export interface Target {
  readonly kubectl: Kubectl;
  /** Undefined on another cluster, where no component may be touched. */
  readonly lab: Lab | undefined;
  /** Image of Node that pods can be made of. */
  readonly node: string;
  /** So that pods can be made of them: no registry has them. */
  load(...images: readonly Image[]): Promise<void>;
  /** Removes what the suite made. */
  stop(): Promise<void>;
}

/** Options of a suite that needs a lab: its pods are reached from here, or it has no nodes. */
export const labOnly = {
  skip:
    process.env['E2E_KUBECONFIG'] !== undefined &&
    'E2E_KUBECONFIG: needs a cluster whose pods this machine reaches, or that has no nodes',
};

const loadCommand = process.env['E2E_LOAD_IMAGE'];
const LOAD_MS = 5 * 60_000;

let count = 0;

export const labName = (): string => `test-${process.pid}-${++count}`;

const say = (line: string) => console.log(line);

/** `nodes`: of the lab, 0 where no pod is to run; another cluster has those that it has. */
export async function startTarget({ nodes }: { readonly nodes: number }): Promise<Target> {
  const other = process.env['E2E_KUBECONFIG'];
  const node = await nodeImage();
  if (other !== undefined) {
    // Without the command it is pulled, as anybody's is.
    if (nodes > 0 && loadCommand !== undefined) await loadElsewhere(node, await redisImage());
    const target = { kubectl: kubectl(other), lab: undefined, node: node.name };
    return { ...target, load: loadElsewhere, stop: () => Promise.resolve() };
  }
  const lab = await startLab({ nodes, name: labName(), bound: true, say });
  const load = async (...images: readonly Image[]) => {
    for (const image of images) await lab.loadImage(await image.archive(say));
  };
  if (nodes > 0) await load(node, await redisImage());
  return { kubectl: lab.kubectl, lab, node: node.name, load, stop: () => lab.stop() };
}

/** By the command of whoever knows that cluster. */
async function loadElsewhere(...images: readonly Image[]): Promise<void> {
  for (const image of images) {
    if (loadCommand === undefined) {
      throw new Error(
        `E2E_KUBECONFIG: no registry has ${image.name}; set E2E_LOAD_IMAGE to a command that` +
          ' takes the path of an archive to the nodes, such as "kind load image-archive"',
      );
    }
    const archive = await image.archive(say);
    await run('sh', ['-c', `${loadCommand} "$0"`, archive], { deadlineMs: LOAD_MS });
  }
}

/** The lab; on another cluster the test is skipped, with the reason. */
export function labOf({ lab }: Target, t: TestContext, what: string): Lab | undefined {
  if (lab === undefined) t.skip(`E2E_KUBECONFIG: a cluster that is not ours is not to ${what}`);
  return lab;
}
