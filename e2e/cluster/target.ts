import type { TestContext } from 'node:test';
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
  /** Removes what the suite made. */
  stop(): Promise<void>;
}

let count = 0;

export const labName = (): string => `test-${process.pid}-${++count}`;

const say = (line: string) => console.log(line);

/** `nodes`: of the lab, 0 where no pod is to run; another cluster has those that it has. */
export async function startTarget({ nodes }: { readonly nodes: number }): Promise<Target> {
  const other = process.env['E2E_KUBECONFIG'];
  const node = await nodeImage();
  if (other !== undefined) {
    const stop = () => Promise.resolve();
    return { kubectl: kubectl(other), lab: undefined, node: node.name, stop };
  }
  const lab = await startLab({ nodes, name: labName(), bound: true, say });
  if (nodes > 0) await load(lab, [node, await redisImage()]);
  return { kubectl: lab.kubectl, lab, node: node.name, stop: () => lab.stop() };
}

async function load(lab: Lab, images: readonly Image[]): Promise<void> {
  for (const image of images) await lab.loadImage(await image.archive(say));
}

/** The lab; on another cluster the test is skipped, with the reason. */
export function labOf({ lab }: Target, t: TestContext, what: string): Lab | undefined {
  if (lab === undefined) t.skip(`E2E_KUBECONFIG: a cluster that is not ours is not to ${what}`);
  return lab;
}
