import type { WsCluster } from '../api/wscluster.ts';
import type { Deployment, Observed } from './copies.ts';
import { configuration } from './desired/configuration.ts';
import { deployment } from './desired/deployment.ts';
import { disruptionBudget } from './desired/disruption-budget.ts';
import { headlessService } from './desired/headless-service.ts';
import { horizontalPodAutoscaler } from './desired/horizontal-pod-autoscaler.ts';
import { names, REVISION_LABEL } from './desired/names.ts';
import { networkPolicy, type OperatorPods } from './desired/network-policy.ts';
import { podMonitor } from './desired/pod-monitor.ts';
import { TEMPLATE_VERSION } from './desired/revision.ts';
import { type RingContent, ringConfigMap } from './desired/ring-config-map.ts';
import { service } from './desired/service.ts';
import { serviceAccount } from './desired/service-account.ts';
import { type Fleet, isMoving } from './fleet.ts';
import { connectionsOf, type GatewayView, isEnding } from './gateways.ts';
import type { Plan } from './plan.ts';
import type { ChildKind } from './resources.ts';
import { hasReplicaSet } from './rollout.ts';

export interface Child {
  readonly kind: ChildKind;
  readonly name: string;
  /** As `desired/` makes it. Undefined: there is to be none. */
  readonly desired: object | undefined;
  /** Pods are made of it: without it there are to be none. */
  readonly neededByPods?: true;
  /** It is made of what was observed, and not to be written if that has changed. */
  readonly asObserved?: boolean;
}

export interface ChildrenOptions {
  readonly cluster: WsCluster;
  readonly plan: Plan;
  readonly operator: OperatorPods;
  readonly ringContent: RingContent;
  readonly observed: Observed;
  readonly gateways: readonly GatewayView[];
  readonly fleet: Fleet;
  /** Milliseconds since 1970. */
  readonly wallMs: number;
}

/** All that is made for a WsCluster, in the order in which it is: pods come last but one. */
export function childrenOf(options: ChildrenOptions): Child[] {
  const { cluster, plan, operator, ringContent } = options;
  return [
    {
      ...{ kind: 'serviceAccounts', name: names.serviceAccount(cluster) },
      ...{ desired: serviceAccount(cluster), neededByPods: true },
    },
    { kind: 'services', name: names.service(cluster), desired: service(cluster) },
    { kind: 'services', name: names.headlessService(cluster), desired: headlessService(cluster) },
    {
      ...{ kind: 'disruptionBudgets', name: names.disruptionBudget(cluster) },
      desired: disruptionBudget(cluster, plan.replicas + emptyingEvicted(options)),
    },
    {
      ...{ kind: 'networkPolicies', name: names.networkPolicy(cluster) },
      desired: networkPolicy(cluster, operator),
    },
    {
      ...{ kind: 'configMaps', name: names.ringConfigMap(cluster), neededByPods: true },
      ...{ asObserved: true, desired: ringConfigMap(cluster, ringContent) },
    },
    ...configurationOf(options),
    ...deploymentsOf(options),
    {
      ...{ kind: 'horizontalPodAutoscalers', name: names.autoscaler(cluster) },
      desired: horizontalPodAutoscaler(cluster, {
        rollingOut: isMoving(options.fleet),
      }),
    },
    { kind: 'podMonitors', name: names.podMonitor(cluster), desired: podMonitor(cluster) },
  ];
}

/** Gateways that end and are not empty: the next eviction waits for them. */
const emptyingEvicted = ({ gateways, wallMs }: ChildrenOptions): number =>
  gateways
    .filter((gateway) => isEnding(gateway, wallMs) && gateway.mark === undefined)
    .filter((gateway) => connectionsOf(gateway) !== 0).length;

/** Pods of an older template keep the settings that they were made with, which cannot change. */
function configurationOf({ cluster, plan, observed }: ChildrenOptions): Child[] {
  const name = names.configMap(cluster, plan.revision);
  const there = observed.configMaps.some(({ metadata }) => metadata.name === name);
  if (there && !isOwn(plan)) return [];
  const desired = configuration(cluster, plan.revision);
  return [{ kind: 'configMaps', name, desired, neededByPods: true }];
}

/** The newest comes last: who shrinks makes room for it. */
function deploymentsOf(options: ChildrenOptions): Child[] {
  const { cluster, plan, observed, fleet } = options;
  const others = observed.deployments.flatMap((there): Child[] => {
    const revision = there.metadata.labels?.[REVISION_LABEL] ?? '';
    const replicas = fleet.replicas.get(revision) ?? 0;
    if (revision === plan.revision || replicas === 0) return [];
    const { metadata } = deployment(cluster, { revision, replicas, paused: true }, plan.basis);
    const spec = { ...there.spec, replicas };
    return [{ kind: 'deployments', name: there.metadata.name ?? '', desired: { metadata, spec } }];
  });
  return [...others, newestDeployment(options)];
}

function newestDeployment({ cluster, plan, observed, fleet }: ChildrenOptions): Child {
  const { revision, basis } = plan;
  const name = names.deployment(cluster, revision);
  const there = observed.deployments.find(({ metadata }) => metadata.name === name);
  const paused = hasReplicaSet(there, observed.replicaSets);
  const replicas = fleet.replicas.get(revision) ?? 0;
  const desired = deployment(cluster, { revision, replicas, paused }, basis) as Deployment;
  return { kind: 'deployments', name, desired: withTemplate(desired, there, plan) };
}

/** What was made of another spec, or by another version of the operator, stays: nobody asked. */
function withTemplate(desired: Deployment, there: Deployment | undefined, plan: Plan): Deployment {
  const template = there?.spec?.template;
  if (template === undefined || desired.spec === undefined || isOwn(plan)) return desired;
  return { ...desired, spec: { ...desired.spec, template } };
}

/** Whether its pods are what this operator makes of this spec. */
const isOwn = ({ basis, revision, asked }: Plan): boolean =>
  revision === asked && basis.templateVersion === TEMPLATE_VERSION;
