import type { WsCluster } from '../api/wscluster.ts';
import type { Deployment, Observed } from './copies.ts';
import { configuration } from './desired/configuration.ts';
import { deployment } from './desired/deployment.ts';
import { disruptionBudget } from './desired/disruption-budget.ts';
import { headlessService } from './desired/headless-service.ts';
import { horizontalPodAutoscaler } from './desired/horizontal-pod-autoscaler.ts';
import { names } from './desired/names.ts';
import { networkPolicy, type OperatorPods } from './desired/network-policy.ts';
import { podMonitor } from './desired/pod-monitor.ts';
import { TEMPLATE_VERSION } from './desired/revision.ts';
import { type RingContent, ringConfigMap } from './desired/ring-config-map.ts';
import { service } from './desired/service.ts';
import { serviceAccount } from './desired/service-account.ts';
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
      desired: disruptionBudget(cluster, plan.replicas),
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
    deploymentOf(options),
    {
      ...{ kind: 'horizontalPodAutoscalers', name: names.autoscaler(cluster) },
      desired: horizontalPodAutoscaler(cluster, {
        rollingOut: options.observed.deployments.length > 1,
      }),
    },
    { kind: 'podMonitors', name: names.podMonitor(cluster), desired: podMonitor(cluster) },
  ];
}

/** Pods of an older template keep the settings that they were made with, which cannot change. */
function configurationOf({ cluster, plan, observed }: ChildrenOptions): Child[] {
  const name = names.configMap(cluster, plan.revision);
  const there = observed.configMaps.some(({ metadata }) => metadata.name === name);
  if (there && !isOwnTemplate(plan)) return [];
  const desired = configuration(cluster, plan.revision);
  return [{ kind: 'configMaps', name, desired, neededByPods: true }];
}

function deploymentOf({ cluster, plan, observed }: ChildrenOptions): Child {
  const { revision, replicas, basis } = plan;
  const name = names.deployment(cluster, revision);
  const there = observed.deployments.find(({ metadata }) => metadata.name === name);
  const paused = hasReplicaSet(there, observed.replicaSets);
  const desired = deployment(cluster, { revision, replicas, paused }, basis) as Deployment;
  return { kind: 'deployments', name, desired: withTemplate(desired, there, plan) };
}

/** What another version of the operator made of this spec stays: nobody asked for other pods. */
function withTemplate(desired: Deployment, there: Deployment | undefined, plan: Plan): Deployment {
  const template = there?.spec?.template;
  if (template === undefined || desired.spec === undefined || isOwnTemplate(plan)) return desired;
  return { ...desired, spec: { ...desired.spec, template } };
}

const isOwnTemplate = ({ basis }: Plan): boolean => basis.templateVersion === TEMPLATE_VERSION;
