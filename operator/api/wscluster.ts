import type { z } from 'zod';
import type { Rule } from './fields.ts';
import type { wsClusterSpec } from './spec.ts';
import type { wsClusterStatus } from './status.ts';

/** What a WsCluster is called, and what of it stands outside spec and status. */
export const kind = {
  group: 'wscluster.io',
  kind: 'WsCluster',
  listKind: 'WsClusterList',
  plural: 'wsclusters',
  singular: 'wscluster',
  shortNames: ['wsc'],
  categories: ['all'],
  description: 'A cluster of WebSocket gateways on one Redis.',
} as const;

/** The one that is stored is also what the operator writes. Their schemas are identical. */
export const versions = { stored: 'v1alpha1', served: ['v1alpha1', 'v1beta1'] } as const;

/** Longest name: what is made for a cluster has its name and more, in 63 characters. */
export const NAME_MAX = 40;

/** They see `metadata.name` of the metadata, and nothing else. */
export const objectRules: readonly Rule[] = [
  {
    rule:
      `size(self.metadata.name) <= ${NAME_MAX} && ` +
      "self.metadata.name.matches('^[a-z][-a-z0-9]*$')",
    message:
      `metadata.name must be at most ${NAME_MAX} of a-z 0-9 -, beginning with a letter: Services ` +
      'are named after it',
  },
];

export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly description: string;
  /** 1: with `-o wide` only. */
  readonly priority?: 1;
}

/** What `kubectl get wsc` shows after the name. */
export const columns: readonly Column[] = [
  {
    name: 'Ready',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Ready")].status',
    description: 'Whether the cluster is as its spec wants it.',
  },
  {
    name: 'Pods',
    type: 'integer',
    jsonPath: '.status.readyReplicas',
    description: 'Gateways that are ready.',
  },
  {
    name: 'Connections',
    type: 'integer',
    jsonPath: '.status.connections',
    description: 'Clients that are connected, rounded.',
  },
  {
    name: 'Ring',
    type: 'string',
    jsonPath: '.status.ring.version',
    description: 'Version of the newest ring.',
  },
  {
    name: 'Age',
    type: 'date',
    jsonPath: '.metadata.creationTimestamp',
    description: 'Time since the cluster was made.',
  },
  {
    name: 'Wanted',
    type: 'integer',
    jsonPath: '.spec.replicas',
    description: 'Gateways that are wanted.',
    priority: 1,
  },
  {
    name: 'Draining',
    type: 'integer',
    jsonPath: '.status.drainingReplicas',
    description: 'Gateways that are being emptied.',
    priority: 1,
  },
  {
    name: 'Balance',
    type: 'integer',
    jsonPath: '.status.ring.balancePercent',
    description: 'Shards of the fullest gateway over its fair share, in percent.',
    priority: 1,
  },
  {
    name: 'Reason',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
    description: 'Why it is ready or not.',
    priority: 1,
  },
];

export const scale = {
  specReplicasPath: '.spec.replicas',
  statusReplicasPath: '.status.replicas',
  labelSelectorPath: '.status.selector',
} as const;

/** As JSON has it: what is not there is absent, never undefined. */
type Stored<T> = T extends readonly (infer Item)[]
  ? readonly Stored<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Stored<Exclude<T[Key], undefined>> }
    : T;

/** As the API server gives it: with every default. */
export type WsClusterSpec = Stored<z.output<typeof wsClusterSpec>>;
/** As somebody writes it. */
export type WsClusterSpecInput = z.input<typeof wsClusterSpec>;
export type WsClusterStatus = Stored<z.output<typeof wsClusterStatus>>;

/** A WsCluster as the API server gives it. */
export interface WsCluster {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly generation: number;
    readonly resourceVersion: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    /** What a copy keeps of `managedFields`. */
    readonly replicasOwners?: readonly {
      readonly manager: string;
      readonly time: string | undefined;
    }[];
  };
  readonly spec: WsClusterSpec;
  readonly status?: WsClusterStatus;
}
