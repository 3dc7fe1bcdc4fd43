import { attempt, run } from './command.ts';
import type { Machine } from './machine.ts';

/**
 * The lab's network. All of it is inside, so every lab has the same addresses; only the link
 * between this host and the control plane has a number of the lab's own.
 */
export const CONTROL_PLANE_ADDRESS = '10.201.0.1';
export const POD_RANGE = '10.244.0.0/16';
export const SERVICE_RANGE = '10.96.0.0/16';
/** The first of the range: Service `kubernetes`. */
export const SERVICE_ADDRESS = '10.96.0.1';
export const DNS_ADDRESS = '10.96.0.10';

const BRIDGE = 'lab0';
export const NODES_MAX = 9;
const LINKS = 200;

/** What a node is to be. */
export interface NodePlan {
  readonly name: string;
  readonly zone: string;
  readonly address: string;
  readonly podRange: string;
}

const ZONES = ['a', 'b', 'c'];

/** `count`: 0 … 9; zones a, b, c in turn. */
export function planNodes(count: number): NodePlan[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `node-${index + 1}`,
    zone: ZONES[index % ZONES.length] ?? '',
    address: `10.201.0.${index + 11}`,
    podRange: `10.244.${index + 1}.0/24`,
  }));
}

/** A link between this host and a lab, which goes away with the lab's network. */
export interface HostLink {
  readonly device: string;
  /** The control plane's address on it. */
  readonly address: string;
}

/** Takes the first number that no other lab on this machine has, and no route of it. */
export async function connectHost(controlPlane: Machine): Promise<HostLink> {
  for (let number = 0; number < LINKS; number += 1) {
    const range = `10.202.${number}.0/24`;
    const routed = await run('ip', ['-4', 'route', 'show', 'root', range]);
    if (routed.trim() !== '') continue;
    const device = `wsclab${number}`;
    const peer = ['peer', 'name', 'host', 'netns', String(controlPlane.init.pid)];
    const added = await attempt('ip', ['link', 'add', device, 'type', 'veth', ...peer]);
    // Somebody else took it meanwhile; anything else will not go better with the next number.
    if (added.code !== 0 && added.stderr.includes('File exists')) continue;
    if (added.code !== 0) throw new Error(`no link to the lab: ${added.stderr.trim()}`);
    const address = `10.202.${number}.2`;
    await ip(undefined, [`addr add 10.202.${number}.1/24 dev ${device}`, `link set ${device} up`]);
    await ip(controlPlane, [`addr add ${address}/24 dev host`, 'link set host up']);
    return { device, address };
  }
  throw new Error(`all ${LINKS} networks from 10.202.0.0/24 on are in use on this machine`);
}

/** A bridge of the control plane joins the nodes; each knows the way to the others' pods. */
export async function connectNodes(
  controlPlane: Machine,
  nodes: ReadonlyMap<NodePlan, Machine>,
): Promise<void> {
  const lines = [
    `link add ${BRIDGE} type bridge`,
    `addr add ${CONTROL_PLANE_ADDRESS}/24 dev ${BRIDGE}`,
    `link set ${BRIDGE} up`,
    // Without any, ClusterIPs have no route; through the host, packets would leave the lab.
    `route add default dev ${BRIDGE}`,
  ];
  for (const [{ name, address, podRange }, machine] of nodes) {
    lines.push(
      `link add ${name} type veth peer name eth0 netns ${machine.init.pid}`,
      `link set ${name} master ${BRIDGE} up`,
      `route add ${podRange} via ${address}`,
    );
  }
  await ip(controlPlane, lines);
  await settle(controlPlane);
  for (const [plan, machine] of nodes) {
    const others = [...nodes.keys()].filter((other) => other !== plan);
    await ip(machine, [
      'link set eth0 up',
      `addr add ${plan.address}/24 dev eth0`,
      `route add default via ${CONTROL_PLANE_ADDRESS}`,
      ...others.map(({ podRange, address }) => `route add ${podRange} via ${address}`),
    ]);
    await settle(machine);
  }
}

async function ip(machine: Machine | undefined, lines: readonly string[]): Promise<void> {
  const command = ['ip', '-batch', '-'];
  const input = `${lines.join('\n')}\n`;
  if (machine === undefined) await run('ip', ['-batch', '-'], { input });
  else await machine.runInNetwork(command, input);
}

const SYSTEM_SETTINGS = [
  // Between pods and nodes, through the rules that kube-proxy writes for Services.
  'ipv4/ip_forward',
  'bridge/bridge-nf-call-iptables',
  // A network stays for as long as a connection of the dead waits for the other end: briefly.
  'ipv4/tcp_orphan_retries',
];

async function settle(machine: Machine): Promise<void> {
  const words = SYSTEM_SETTINGS.map((name) => `echo 1 > /proc/sys/net/${name}`);
  await machine.run(['sh', '-c', `modprobe br_netfilter 2> /dev/null; ${words.join(' && ')}`]);
}

/** The configuration of the CNI plugins that give pods of one node their addresses. */
export function podNetwork({ podRange }: NodePlan): object {
  return {
    cniVersion: '0.4.0',
    name: 'lab',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        // Pods see each other's addresses, on other nodes too.
        ipMasq: false,
        // A pod may reach itself through its Service.
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: podRange }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}
