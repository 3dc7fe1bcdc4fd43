import { type Say, withProgress } from './artefacts.ts';
import { Cluster } from './cluster.ts';
import type { Component } from './component.ts';
import { corednsImage, nodeImage, pauseImage, redisImage } from './images.ts';
import { clear, recordSummary, reserve } from './instances.ts';
import type { Kubectl } from './kubectl.ts';
import { planNodes } from './network.ts';
import { buildPrograms } from './programs.ts';

export interface LabOptions {
  /** 0 … 9, in zones a, b and c in turn. Without any there is a control plane, and pods wait. */
  readonly nodes: number;
  /** Of its own in this checkout. */
  readonly name: string;
  /** Whether it ends with this process, however that ends; else it runs until it is cleared. */
  readonly bound: boolean;
  readonly say: Say;
}

/** A Kubernetes of its own: real components and kubelets in namespaces on this host. */
export interface Lab {
  /** Of an administrator, for programs on this host. */
  readonly kubeconfig: string;
  /** URL of the API server, from this host. */
  readonly server: string;
  /** Folder with `kubectl`, `helm3`, `helm4`. */
  readonly programs: string;
  /** Folder with what each component says, and `audit.log` of the API server. */
  readonly logs: string;
  readonly nodes: readonly string[];
  /** Names of the components: `etcd`, `kube-apiserver`, `kubelet-node-1` … */
  readonly components: readonly string[];
  readonly kubectl: Kubectl;
  /** One of them, to freeze, kill and start. Throws for a name that is none. */
  component(name: string): Component;
  /** Makes the images of an archive known to all nodes. */
  loadImage(archive: string): Promise<void>;
  /** Ends it; nothing is left. May be called twice. */
  stop(): Promise<void>;
}

/** Builds all that a lab and its tests need; it is kept, and takes no time then. */
export async function buildLab(say: Say): Promise<void> {
  await buildPrograms(say);
  const images = [pauseImage(), corednsImage(), await redisImage(), await nodeImage()];
  for (const image of images) await image.archive(say);
}

/** Resolves when all nodes are Ready, and CoreDNS runs on one. Leaves nothing when it fails. */
export async function startLab({ nodes, name, bound, say }: LabOptions): Promise<Lab> {
  const programs = await buildPrograms(say);
  const instance = await reserve(name);
  try {
    const options = { instance, plans: planNodes(nodes), programs, bound, say };
    const cluster = await withProgress(`starting lab ${name}`, say, () => Cluster.start(options));
    await recordSummary(instance, cluster);
    return cluster;
  } catch (error) {
    await clear(name).catch((second: unknown) => {
      throw new AggregateError([error, second], `lab ${name} neither started nor ended`);
    });
    throw error;
  }
}
