import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ComponentOptions } from './component.ts';
import { CONTAINERD_SOCKET, containerdConfiguration } from './containerd.ts';
import { answers, kubeProxyConfiguration, type Paths } from './control-plane.ts';
import type { Machine } from './machine.ts';
import { DNS_ADDRESS, type NodePlan, podNetwork } from './network.ts';

export interface NodeFiles {
  /** The node's folder outside. */
  readonly folder: string;
  /** The same as the node sees it. */
  readonly inside: string;
  /** Of its kubelet: absolute within each hierarchy. */
  readonly cgroup: string;
  readonly pauseImage: string;
}

export async function writeNodeFiles(
  plan: NodePlan,
  files: NodeFiles,
  paths: Paths,
): Promise<void> {
  const { folder, inside, cgroup, pauseImage } = files;
  await mkdir(join(folder, 'network'), { recursive: true });
  const write = (name: string, value: unknown) =>
    writeFile(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));
  await write('network/10-lab.conflist', podNetwork(plan));
  await write('kubelet.json', kubeletConfiguration(plan, { inside, cgroup, paths }));
  await write('kube-proxy.json', kubeProxyConfiguration(plan.name, paths));
  const places = { root: join(inside, 'containerd'), network: join(inside, 'network'), pauseImage };
  await write('containerd.toml', containerdConfiguration(places));
}

interface KubeletPlaces {
  readonly inside: string;
  readonly cgroup: string;
  readonly paths: Paths;
}

function kubeletConfiguration(plan: NodePlan, { inside, cgroup, paths }: KubeletPlaces): object {
  const authority = join(paths.certificates, 'ca.crt');
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: authority },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: join(paths.certificates, `${plan.name}.crt`),
    tlsPrivateKeyFile: join(paths.certificates, `${plan.name}.key`),
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    clusterDNS: [DNS_ADDRESS],
    clusterDomain: 'cluster.local',
    // The host's servers cannot be reached from inside.
    resolvConf: '',
    cgroupRoot: cgroup,
    cgroupDriver: 'cgroupfs',
    failCgroupV1: false,
    failSwapOn: false,
    enforceNodeAllocatable: [],
    localStorageCapacityIsolation: false,
    // Images are loaded once and pulled from nowhere.
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '0%' },
    podLogsDir: join(inside, 'pods'),
    // Its default is a folder of the host.
    volumePluginDir: '/var/lib/kubelet/volume-plugins',
    nodeStatusUpdateFrequency: '2s',
    nodeLeaseDurationSeconds: 4,
  };
}

export function kubelet(plan: NodePlan, machine: Machine, files: { paths: Paths; inside: string }) {
  const { paths, inside } = files;
  const options: ComponentOptions = {
    name: `kubelet-${plan.name}`,
    machine,
    command: [
      join(paths.programs, 'kubelet'),
      `--config=${join(inside, 'kubelet.json')}`,
      `--kubeconfig=${join(paths.kubeconfigs, plan.name)}`,
      `--hostname-override=${plan.name}`,
      `--node-ip=${plan.address}`,
      `--node-labels=topology.kubernetes.io/zone=${plan.zone}`,
    ],
    isReady: () => answers(machine, 10_248, '/healthz'),
  };
  return options;
}
