import type { ComponentOptions } from './component.ts';
import type { Machine } from './machine.ts';

/** Its socket is where `ctr` and kubelets look for it: each machine has a /run of its own. */
export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';

const CTR = ['ctr', '--namespace', 'k8s.io'];
const IMPORT_MS = 120_000;

export interface ContainerdPlaces {
  /** On a disk: images are large. */
  readonly root: string;
  /** Folder of the CNI configuration. */
  readonly network: string;
  readonly pauseImage: string;
}

/** Its configuration, in TOML. */
export function containerdConfiguration({ root, network, pauseImage }: ContainerdPlaces): string {
  return `version = 2
root = "${root}"
state = "/run/containerd"
# Nothing of these is on such a machine, and each says so at length.
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
]

[grpc]
address = "${CONTAINERD_SOCKET}"

# Its default is a folder of the host.
[plugins."io.containerd.internal.v1.opt"]
path = "/var/lib/containerd-opt"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${pauseImage}"
# Lower than its own is refused where this machine is itself confined.
restrict_oom_score_adj = true
# A profile would stay in the kernel.
disable_apparmor = true

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "${network}"
`;
}

export function containerd(machine: Machine, configuration: string): ComponentOptions {
  return {
    name: `containerd-${machine.name}`,
    machine,
    command: ['containerd', '--config', configuration],
    isReady: async () => {
      const { code } = await machine.attempt([...CTR, 'images', 'list', '-q'], {
        deadlineMs: 5_000,
      });
      return code === 0;
    },
  };
}

/** Makes the images of an archive known to the node. `archive`: a path outside. */
export async function importImages(machine: Machine, archive: string): Promise<void> {
  const command = [...CTR, 'images', 'import', '--snapshotter', 'overlayfs', '-'];
  await machine.run(command, { inputFile: archive, deadlineMs: IMPORT_MS });
}
