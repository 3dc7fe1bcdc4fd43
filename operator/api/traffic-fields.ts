import { z } from 'zod';
import { countOrShare } from './count-or-share.ts';
import {
  group,
  inSeconds,
  integer,
  seconds,
  setting,
  settings,
  settingWithoutDefault,
} from './fields.ts';
import { connectionsFor } from './scale-fields.ts';

/** The parts of a WsCluster's spec that say what gateways keep, allow and do to clients. */

export const placement = group(
  {
    mode: setting(settings.placement.mode),
    key: setting(settings.placement.key),
    podEndpoint: setting(settings.placement.podEndpoint),
    proxyConnectionsPerPod: setting(settings.placement.proxyConnections),
    proxyTimeoutMilliseconds: setting(settings.placement.proxyTimeoutMs),
  },
  'How clients get to the gateway that owns them.',
);

export const retention = group(
  {
    ageSeconds: setting(settings.stream.retentionS),
    entriesPerTopic: setting(settings.stream.retentionEntries),
  },
  'How long messages are kept for clients that come back. What is over either limit goes.',
);

export const heartbeat = group(
  {
    intervalSeconds: inSeconds(settings.edge.heartbeatMs),
    timeoutSeconds: inSeconds(settings.edge.pongTimeoutMs),
    missedPings: setting(settings.edge.missedPings),
  },
  'How gateways find out that a client is gone.',
  [
    {
      rule: 'self.timeoutSeconds < self.intervalSeconds',
      message: 'heartbeat.timeoutSeconds must be below heartbeat.intervalSeconds',
    },
  ],
);

export const limits = group(
  {
    connectionsPerPod: settingWithoutDefault(settings.edge.maxConnections, {
      lead: 'Connections of one gateway.',
    })
      .optional()
      .meta({
        absent:
          'one and a half times `autoscaling.targetConnectionsPerPod`, or ' +
          `${connectionsFor().toLocaleString('en')} without autoscaling`,
      }),
    topicsPerConnection: setting(settings.edge.maxTopics),
    topicsPerSession: setting(settings.edge.sessionTopics),
    sessionsPerIdentity: setting(settings.stream.sessionsPerIdentity),
    connectionsPerUser: setting(settings.edge.userConnections),
    frameBytes: setting(settings.edge.frameBytes),
    outboxBytes: setting(settings.edge.outboxBytes),
    messagesPerSecond: setting(settings.edge.messagesPerSecond),
    messagesBurst: setting(settings.edge.messagesBurst),
    identityMessagesPerSecond: setting(settings.edge.identityPerSecond),
    identityMessagesBurst: setting(settings.edge.identityBurst),
    publishesInFlight: setting(settings.edge.publishesInFlight),
    requestBytes: setting(settings.http.bodyBytes, {
      description: 'Largest body of an HTTP request.',
    }),
    requestsPerSecond: setting(settings.http.requestsPerSecond, { lead: 'HTTP API.' }),
    requestsBurst: setting(settings.http.requestsBurst, { lead: 'HTTP API.' }),
  },
  'What one client, or one user, may take of a gateway.',
  [
    {
      rule: 'self.topicsPerConnection <= self.topicsPerSession',
      message: 'limits.topicsPerSession must not be below limits.topicsPerConnection',
    },
  ],
);

export const disruption = group(
  {
    movesPerSecond: setting(settings.disruption.movesPerSecond),
    drainGraceSeconds: inSeconds(settings.edge.drainGraceMs, {
      description:
        'A gateway that is to leave serves on for this long after it became not ready, while ' +
        'Services and load balancers hear of it.',
    }),
    drainDeadlineSeconds: inSeconds(settings.edge.drainDeadlineMs, {
      description:
        'A drain is over by then: clients that are still there are closed, and come back ' +
        'elsewhere. A pod gets 30 s more before Kubernetes ends it.',
    }),
    maxUnavailable: integer(
      [1, 100],
      'Gateways that evictions, as `kubectl drain` asks for them, may take at once.',
    ).default(1),
  },
  'How many clients may be disturbed, by rollouts, scaling, evictions and moves.',
  [
    {
      rule: 'self.drainGraceSeconds < self.drainDeadlineSeconds',
      message: 'disruption.drainGraceSeconds must be below disruption.drainDeadlineSeconds',
    },
  ],
);

export const rollout = group(
  {
    maxSurge: countOrShare({
      ...{ path: 'rollout.maxSurge', fallback: '25%', min: 1 },
      description:
        'Gateways that a rollout adds at a time, as a number or as a share of the replicas, ' +
        'rounded up. As many of the old ones are emptied when these are ready.',
    }),
    minReadySeconds: seconds(
      [0, 3_600],
      'A new gateway must have been ready for this long before an old one is emptied for it.',
    ).default(5),
    partition: countOrShare({
      ...{ path: 'rollout.partition', fallback: 0, min: 0 },
      description:
        'Gateways that a rollout leaves as they were, as a number or as a share of the replicas, ' +
        'rounded up: with all but one, the one new gateway is a canary. 0 replaces all.',
    }),
    paused: z.boolean().default(false).meta({
      description:
        'A rollout goes no further while this is true; what it has done stays. Scaling goes on.',
    }),
    maxResumeFailures: countOrShare({
      ...{ path: 'rollout.maxResumeFailures', fallback: '5%', min: 0, max: 1_000_000 },
      description:
        'A rollout stops by itself when more subscriptions than this came back to new gateways ' +
        'and had missed messages that could not be given to them any more: as a number, or as a ' +
        'share of all that came back, of at least 20.',
    }),
    maxRequestFailures: countOrShare({
      ...{ path: 'rollout.maxRequestFailures', fallback: '5%', min: 0, max: 1_000_000 },
      description:
        'A rollout stops by itself when new gateways failed more requests of clients than this, ' +
        'or did not believe their tokens: as a number, or as a share of all that they were ' +
        'asked, of at least 20, beyond the share of the gateways that are replaced.',
    }),
    progressDeadlineSeconds: seconds(
      [60, 86_400],
      'A rollout that gets no further for this long is said to be stuck (condition Progressing).',
    ).default(600),
  },
  'How gateways of a new revision take the place of the old ones.',
);
