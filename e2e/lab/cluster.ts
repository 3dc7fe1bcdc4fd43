import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { until } from '../deadline.ts';
import { ApiServer } from './api-server.ts';
import { LAB_FOLDER, type Say } from './artefacts.ts';
import { certificatesOf, writeCertificates } from './certificates.ts';
import { makeCgroups } from './cgroups.ts';
import { clusterDns } from './cluster-dns.ts';
import { Component, type ComponentOptions } from './component.ts';
import { containerd, importImages } from './containerd.ts';
import {
  API_SERVER_PORT,
  type ControlPlane,
  etcd,
  kubeApiServer,
  kubeControllerManager,
  kubeProxy,
  kubeProxyConfiguration,
  kubeScheduler,
  type Paths,
  writeControlPlaneFiles,
} from './control-plane.ts';
import { corednsImage, pauseImage } from './images.ts';
import {
  CONTROL_PLANE,
  cgroupOf,
  clear,
  type Instance,
  LOGS,
  PROCESSES,
  recordLink,
} from './instances.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { type Kubectl, kubectl } from './kubectl.ts';
import { INSIDE, Machine } from './machine.ts';
import { CONTROL_PLANE_ADDRESS, connectHost, connectNodes, type NodePlan } from './network.ts';
import { kubelet, writeNodeFiles } from './node.ts';
import type { Programs } from './programs.ts';

export interface ClusterOptions {
  readonly instance: Instance;
  readonly plans: readonly NodePlan[];
  readonly programs: Programs;
  /** Whether it ends with this process. */
  readonly bound: boolean;
  readonly say: Say;
}

interface Machines {
  readonly controlPlane: Machine;
  readonly nodes: ReadonlyMap<NodePlan, Machine>;
}

const READY_MS = 120_000;
const USERS = ['kube-controller-manager', 'kube-scheduler', 'kube-proxy'];

/** A control plane and its nodes. */
export class Cluster {
  readonly kubeconfig: string;
  readonly server: string;
  readonly programs: string;
  readonly logs: string;
  readonly kubectl: Kubectl;
  readonly #options: ClusterOptions;
  readonly #machines: Machines;
  readonly #components = new Map<string, Component>();

  private constructor(options: ClusterOptions, machines: Machines, server: string) {
    const { folder } = options.instance;
    this.#options = options;
    this.#machines = machines;
    this.server = server;
    this.kubeconfig = join(folder, 'kubeconfig');
    this.programs = join(folder, 'bin');
    this.logs = join(folder, LOGS);
    this.kubectl = kubectl(this.kubeconfig, join(this.programs, 'kubectl'));
  }

  /** Resolves when all nodes are Ready and CoreDNS runs; without any, when the components run. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const { instance, plans } = options;
    for (const folder of [LOGS, PROCESSES, 'bin', 'kubeconfigs', ...plans.map(nameOf)]) {
      await mkdir(join(instance.folder, folder));
    }
    const machines = await bootMachines(options);
    const link = await connectHost(machines.controlPlane);
    await recordLink(instance, link);
    await connectNodes(machines.controlPlane, machines.nodes);
    const certificates = join(instance.folder, 'certificates');
    await writeCertificates(certificates, certificatesOf(link.address, plans));
    const server = `https://${link.address}:${API_SERVER_PORT}`;
    const cluster = new Cluster(options, machines, server);
    await cluster.#writeFiles(certificates);
    await cluster.#startComponents(await ApiServer.connect(link.address, certificates));
    return cluster;
  }

  get nodes(): string[] {
    return this.#options.plans.map(nameOf);
  }

  get components(): string[] {
    return [...this.#components.keys()];
  }

  component(name: string): Component {
    const component = this.#components.get(name);
    if (component !== undefined) return component;
    throw new Error(`no component ${name}; there are ${this.components.join(', ')}`);
  }

  async loadImage(archive: string): Promise<void> {
    const machines = [...this.#machines.nodes.values()];
    await Promise.all(machines.map((machine) => importImages(machine, archive)));
  }

  async stop(): Promise<void> {
    await clear(this.#options.instance.name);
  }

  async #writeFiles(certificates: string): Promise<void> {
    const { plans, instance, programs } = this.#options;
    const { folder } = instance;
    const paths = this.#paths();
    await writeControlPlaneFiles(folder);
    // Its own name is no Node's, and for that it would wait half a minute.
    const proxy = kubeProxyConfiguration(this.nodes[0] ?? '', paths);
    await writeFile(join(folder, PROXY), JSON.stringify(proxy));
    const inside = `https://${CONTROL_PLANE_ADDRESS}:${API_SERVER_PORT}`;
    for (const user of [...USERS, ...plans.map(nameOf)]) {
      const file = join(folder, 'kubeconfigs', user);
      await writeKubeconfig(file, { certificates, user, server: inside });
    }
    await writeKubeconfig(this.kubeconfig, { certificates, user: 'admin', server: this.server });
    for (const [plan, machine] of this.#machines.nodes) {
      const cgroup = join('/', cgroupOf(this.#machines.controlPlane.holder), machine.name);
      const places = { folder: join(folder, plan.name), inside: this.#inside(plan.name), cgroup };
      await writeNodeFiles(plan, { ...places, pauseImage: pauseImage().name }, paths);
    }
    await symlink(join(programs.kubernetes, 'kubectl'), join(this.programs, 'kubectl'));
    await symlink(join(programs.helm3, 'helm3'), join(this.programs, 'helm3'));
    await symlink(join(programs.helm4, 'helm4'), join(this.programs, 'helm4'));
  }

  async #startComponents(api: ApiServer): Promise<void> {
    const paths = this.#paths();
    const machine = this.#machines.controlPlane;
    const plane: ControlPlane = { machine, api, paths };
    if (this.nodes.length === 0) return this.#startWithoutNodes(plane);
    const runtimes = this.#startRuntimes();
    // Whatever fails first is told; the others fail with it.
    runtimes.catch(() => undefined);
    await this.#start(etcd(plane));
    await this.#start(kubeApiServer(plane));
    const configuration = this.#inside(PROXY);
    await Promise.all([
      this.#start(kubeControllerManager(plane)),
      this.#start(kubeScheduler(plane)),
      this.#start(kubeProxy({ machine, paths, configuration })),
      runtimes.then(() => this.#startNodes()),
    ]);
    await this.kubectl.apply(...clusterDns(corednsImage().name));
    await this.#settled(api);
  }

  /** Pods are made and wait: nobody runs them, and nobody needs Services or names. */
  async #startWithoutNodes(plane: ControlPlane): Promise<void> {
    await this.#start(etcd(plane));
    await this.#start(kubeApiServer(plane));
    const others = [kubeControllerManager(plane), kubeScheduler(plane)];
    await Promise.all(others.map((component) => this.#start(component)));
  }

  /** What needs no API server yet. */
  async #startRuntimes(): Promise<void> {
    const images = await Promise.all(
      [pauseImage(), corednsImage()].map((image) => image.archive(this.#options.say)),
    );
    const nodes = [...this.#machines.nodes];
    await Promise.all(
      nodes.map(([plan, machine]) =>
        this.#start(containerd(machine, join(this.#inside(plan.name), 'containerd.toml'))),
      ),
    );
    for (const archive of images) await this.loadImage(archive);
  }

  async #startNodes(): Promise<void> {
    const paths = this.#paths();
    const starts = [...this.#machines.nodes].flatMap(([plan, machine]) => {
      const inside = this.#inside(plan.name);
      const configuration = join(inside, 'kube-proxy.json');
      return [
        this.#start(kubelet(plan, machine, { paths, inside })),
        this.#start(kubeProxy({ machine, paths, configuration })),
      ];
    });
    await Promise.all(starts);
  }

  async #start(options: ComponentOptions): Promise<void> {
    const component = new Component(options, this.#options.instance);
    this.#components.set(component.name, component);
    await component.start();
  }

  async #settled(api: ApiServer): Promise<void> {
    let ready = 0;
    await until(
      async () => {
        ready = readyNodes(await api.read('/api/v1/nodes'));
        if (ready < this.#options.plans.length) return false;
        return isAvailable(
          await api.read(`/apis/apps/v1/namespaces/kube-system/deployments/coredns`),
        );
      },
      {
        for: () => `${this.#options.plans.length} Ready nodes (${ready} are) and CoreDNS`,
        deadlineMs: READY_MS,
        everyMs: 100,
      },
    );
  }

  /** A path of the lab as its machines see it. */
  #inside(...path: string[]): string {
    return join(INSIDE, this.#options.instance.place, ...path);
  }

  #paths(): Paths {
    const { programs } = this.#options;
    return {
      programs: join(INSIDE, relative(LAB_FOLDER, programs.kubernetes)),
      certificates: this.#inside('certificates'),
      kubeconfigs: this.#inside('kubeconfigs'),
      logs: this.#inside(LOGS),
      configuration: this.#inside(),
    };
  }
}

const PROXY = 'kube-proxy.json';

const nameOf = ({ name }: NodePlan): string => name;

async function bootMachines({ instance, plans, bound }: ClusterOptions): Promise<Machines> {
  const { place } = instance;
  const main = { name: CONTROL_PLANE, folder: LAB_FOLDER, place };
  const controlPlane = await Machine.onHost(main, { bound });
  await makeCgroups(cgroupOf(controlPlane.holder), plans.map(nameOf));
  const booted = plans.map(async (plan): Promise<[NodePlan, Machine]> => {
    const options = { name: plan.name, folder: INSIDE, place, outside: LAB_FOLDER };
    return [plan, await Machine.within(controlPlane, options)];
  });
  return { controlPlane, nodes: new Map(await Promise.all(booted)) };
}

interface Conditions {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

const holds = (object: Conditions, type: string): boolean =>
  object.status?.conditions?.some((each) => each.type === type && each.status === 'True') === true;

function readyNodes(list: unknown): number {
  const items = (list as { items?: Conditions[] } | undefined)?.items ?? [];
  return items.filter((node) => holds(node, 'Ready')).length;
}

const isAvailable = (deployment: unknown): boolean =>
  deployment !== undefined && holds(deployment as Conditions, 'Available');
