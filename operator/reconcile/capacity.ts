import { settings } from '../api/fields.ts';
import type { WsCluster } from '../api/wscluster.ts';
import { conditionIn } from './condition.ts';
import { connectionsPerPod } from './desired/configuration.ts';
import { statusOf } from './gateways.ts';
import { amountOf } from './quantity.ts';
import { type Finding, finding, type Situation } from './situation.ts';

const KIB = 1_024;
const MIB = 1_024 * KIB;

/**
 * Of one client, in the memory that its pod is charged: 6 KiB of the gateway (`npm run bench` sees
 * 5.0–6.2 resident per connection with one subscription), and 4 KiB of Linux's own for a socket
 * (its TCP, inode, file and epoll objects, as `/proc/slabinfo` shows them).
 */
const CLIENT_BYTES = 10 * KIB;
/** Of one that is passed on, the same: 12.1–14.6 KiB, and two sockets. */
const PASSED_ON_BYTES = 22 * KIB;
/** A gateway without clients: 74 MiB that are no pages of files, and garbage to be collected. */
const PROGRAM_BYTES = 96 * MIB;
/** Recent messages, and publishes that wait for Redis: a WsCluster has the defaults. */
const BUFFER_BYTES =
  settings.hub.recentBytes.parse(undefined) + settings.stream.publishQueueBytes.parse(undefined);

/**
 * Linux's `net.ipv4.ip_local_port_range` has 28,232 ports, unless somebody changed it: so many
 * connections can one address have to one gateway's.
 */
const PORTS = 28_232;
/** Where nobody aims at a number: at so much of them it is time. */
const NEARLY = 0.8;
/** Said once, it holds until there are clearly fewer. */
const RELEASE = 0.8;
/** Clients of a gateway from which on it can be told where they come from. */
const ENOUGH = 1_000;

/** Whether a gateway can have as many clients as it may, or is aimed at. */
export function capacitySuitable(situation: Situation): Finding {
  const memory = memorySaid(situation.cluster);
  if (memory !== undefined) return finding('CapacitySuitable', 'False', ['MemoryTooSmall', memory]);
  return portsSaid(situation) ?? finding('CapacitySuitable', 'True', SUITABLE);
}

const SUITABLE = ['Suitable', 'memory and ports are enough for the clients of a gateway'] as const;

/** By what a gateway takes, not by what is aimed at: up to that it refuses nobody. */
function memorySaid(cluster: WsCluster): string | undefined {
  const { resources, limits, autoscaling, placement } = cluster.spec;
  const given = resources.limits?.['memory'];
  const limit = given === undefined ? undefined : amountOf(given);
  if (given === undefined || limit === undefined) return undefined;
  const clients = connectionsPerPod(cluster);
  const proxied = placement.mode === 'Proxy' ? placement.proxyConnectionsPerPod : 0;
  const fixed = PROGRAM_BYTES + BUFFER_BYTES + proxied * PASSED_ON_BYTES;
  const needs = fixed + clients * CLIENT_BYTES;
  if (needs <= limit) return undefined;
  const fits = Math.floor((limit - fixed) / CLIENT_BYTES);
  const target = autoscaling?.targetConnectionsPerPod ?? 0;
  const lower =
    fits < 1
      ? ''
      : `, or lower limits.connectionsPerPod to at most ${fits}` +
        (target < fits ? '' : ' and autoscaling.targetConnectionsPerPod below that');
  const why = limits.connectionsPerPod === undefined ? 'by default' : 'limits.connectionsPerPod';
  const enough = `${Math.ceil(needs / MIB)}Mi`;
  const passed =
    proxied === 0 ? '' : ` and passes on ${proxied} (placement.proxyConnectionsPerPod)`;
  return (
    `a gateway takes up to ${clients} clients (${why})${passed}, which need about ` +
    `${enough}, and resources.limits.memory is ${given}: raise it to that${lower}` +
    '; else the kernel may end a gateway before it refuses anybody'
  );
}

function portsSaid({ cluster, gateways }: Situation): Finding | undefined {
  const target = cluster.spec.autoscaling?.targetConnectionsPerPod;
  // One address is enough for all.
  if (target !== undefined && target <= PORTS) return undefined;
  const before = conditionIn(cluster.status, 'CapacitySuitable');
  const isTold = before?.status === 'True' || before?.status === 'False';
  const enough = isTold ? ENOUGH * RELEASE : ENOUGH;
  const told = gateways.flatMap((gateway) => {
    const { connections = 0, fromOneAddress } = statusOf(gateway)?.edge ?? {};
    return fromOneAddress === undefined || connections < enough
      ? []
      : [fromOneAddress * (target ?? connections)];
  });
  if (told.length === 0) return target === undefined ? undefined : notTold(target);
  const bound = target === undefined ? PORTS * NEARLY : PORTS;
  const holds = before?.reason === TOO_FEW ? RELEASE : 1;
  if (Math.max(...told) <= bound * holds) return undefined;
  const what =
    target === undefined
      ? `a gateway has most of the ${PORTS} clients that can come from one address`
      : `of the ${target} clients of a gateway that autoscaling.targetConnectionsPerPod aims at, ` +
        `more would come from one address than the ${PORTS} that can`;
  const todo =
    'have more proxies or nodes in front, let clients’ own addresses through, or have fewer ' +
    'clients on a gateway';
  return finding('CapacitySuitable', 'False', [TOO_FEW, `${what} (Linux’s ports): ${todo}`]);
}

const TOO_FEW = 'PortsTooFew';
const NOT_TOLD = 'NotTold';

const notTold = (target: number): Finding =>
  finding('CapacitySuitable', 'Unknown', [
    NOT_TOLD,
    `autoscaling.targetConnectionsPerPod is ${target}, and from one address, such as a proxy’s, ` +
      `only ${PORTS} can come; no gateway has enough clients to tell whether they do`,
  ]);
