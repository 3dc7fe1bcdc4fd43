/**
 * What a Prometheus sees, and whether it must tell somebody: cases for `promtool test rules`, at
 * least one of each kind for every alert.
 */
export interface AlertCase {
  readonly alert: string;
  /** Ends the sentence "it fires" or "it does not fire". */
  readonly when: string;
  readonly fires: boolean;
  /** Values by series, one every 15 s, as promtool writes them. */
  readonly series: Readonly<Record<string, string>>;
  readonly atMinutes: number;
}

type Scene = readonly [when: string, series: AlertCase['series'], atMinutes: number];

const JOB = 'namespace="team",job="team/chat"';
const pod = (name: string, metric: string, labels = '') =>
  `wscluster_${metric}{${JOB},pod="${name}"${labels === '' ? '' : `,${labels}`}}`;
const a = (metric: string, labels?: string) => pod('a', metric, labels);
const b = (metric: string, labels?: string) => pod('b', metric, labels);
const operator = (metric: string, instance: string, labels: string) =>
  `${metric}{namespace="system",job="system/operator",instance="${instance}",${labels}}`;
const leads = (instance: string) =>
  operator('leader_election_master_status', instance, 'name="wscluster-operator"');

const ALWAYS = (value: number) => `${value}x400`;
/** `count` of them now and then, from the start. */
const EACH = (count: number) => `0+${count}x400`;
/** Nothing, and `count` of them 10 minutes after the start. */
const ONCE = (count: number) => `0x40 ${count}x360`;

const cases = (alert: string, fires: readonly Scene[], silent: readonly Scene[]): AlertCase[] => {
  const of =
    (isFiring: boolean) =>
    ([when, series, atMinutes]: Scene): AlertCase => ({
      ...{ alert, when, fires: isFiring, series, atMinutes },
    });
  return [...fires.map(of(true)), ...silent.map(of(false))];
};

const publishes = (ok: number, failed: number) => ({
  [a('publishes_total', 'outcome="ok"')]: EACH(ok),
  [a('publishes_total', 'outcome="failed"')]: EACH(failed),
  [a('publishes_total', 'outcome="unknown"')]: EACH(0),
});
const losses = (values: Readonly<Record<string, string>>) => ({
  [a('gaps_total', 'reason="lost"')]: ALWAYS(0),
  [a('late_loss_reports_total')]: ALWAYS(0),
  [a('loss_unreported_total')]: ALWAYS(0),
  ...values,
});
const resumes = (all: number, gaps: number) => ({
  [a('resumes_total', 'source="memory"')]: EACH(all),
  [a('gaps_total', 'reason="trimmed"')]: EACH(gaps),
});
const rereads = (keys: string, redis: string) => ({
  [a('key_file_rereads_total', 'file="keys",outcome="refused"')]: keys,
  [a('redis_file_rereads_total', 'file="url",outcome="refused"')]: redis,
});
const loop = (utilisation: number, lag: number) => ({
  [a('event_loop_utilisation_ratio')]: ALWAYS(utilisation),
  [a('event_loop_lag_seconds', 'quantile="0.99"')]: ALWAYS(lag),
});
const rings = (counterOfB: string, generationOfB = ALWAYS(2)) => ({
  [a('ring_generation')]: ALWAYS(2),
  [b('ring_generation')]: generationOfB,
  [a('ring_counter')]: ALWAYS(7),
  [b('ring_counter')]: counterOfB,
  [a('ring_conflicts_total')]: ALWAYS(0),
});
const requests = (good: number, bad: number, instance = 'x') => ({
  [leads('x')]: ALWAYS(1),
  [operator('rest_client_requests_total', instance, 'code="200"')]: EACH(good),
  [operator('rest_client_requests_total', instance, 'code="503"')]: EACH(bad),
});
const reconciles = (errors: string) => ({
  [operator('controller_runtime_reconcile_errors_total', 'x', 'controller="wscluster"')]: errors,
});
const works = (values: string, controller = 'wscluster') => ({
  [operator(
    'workqueue_longest_running_processor_seconds',
    'x',
    `controller="${controller}",name="${controller}"`,
  )]: values,
});

const conditions = (values: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    ['x', 'y'].flatMap((instance) =>
      Object.entries(values).map(([type, is]) => [
        operator('wscluster_condition', instance, `wscluster="team/chat",type="${type}"`),
        is,
      ]),
    ),
  );

const gatewayCases: readonly AlertCase[] = [
  ...cases(
    'WsClusterNotReady',
    [
      [
        'none is ready, and only some of them leave',
        {
          [a('ready')]: ALWAYS(0),
          [b('ready')]: ALWAYS(0),
          [a('draining')]: ALWAYS(1),
          [b('draining')]: ALWAYS(0),
        },
        3,
      ],
    ],
    [
      ['one of two is ready', { [a('ready')]: ALWAYS(0), [b('ready')]: ALWAYS(1) }, 10],
      ['all of them leave', { [a('ready')]: ALWAYS(0), [a('draining')]: ALWAYS(1) }, 10],
      ['they have just started', { [a('ready')]: '0x4 1x400', [a('draining')]: ALWAYS(0) }, 2],
    ],
  ),
  ...cases(
    'WsClusterRedisUnreachable',
    [
      [
        'nobody reaches it for more than a minute',
        { [a('redis_connected')]: ALWAYS(0), [b('redis_connected')]: ALWAYS(0) },
        2,
      ],
    ],
    [
      [
        'one of two reaches it',
        { [a('redis_connected')]: ALWAYS(0), [b('redis_connected')]: ALWAYS(1) },
        10,
      ],
      ['a failover takes half a minute', { [a('redis_connected')]: '1x10 0 0 1x400' }, 4],
    ],
  ),
  ...cases(
    'WsClusterGatewayCutOff',
    [['one is cut off', { [a('cut_off')]: ALWAYS(1), [b('cut_off')]: ALWAYS(0) }, 3]],
    [['it was for a minute', { [a('cut_off')]: '0x10 1x4 0x400' }, 4]],
  ),
  ...cases(
    'WsClusterRedisUnsuitable',
    [['it may evict', { [a('redis_unsuitable')]: ALWAYS(1) }, 16]],
    [['it is as it should be', { [a('redis_unsuitable')]: ALWAYS(0) }, 30]],
  ),
  ...cases(
    'WsClusterMessagesLost',
    [
      ['subscribers were told so', losses({ [a('gaps_total', 'reason="lost"')]: ONCE(3) }), 12],
      ['a report came late', losses({ [a('late_loss_reports_total')]: ONCE(1) }), 12],
      ['one could not be made', losses({ [a('loss_unreported_total')]: ONCE(1) }), 12],
    ],
    [
      ['there was none', losses({}), 12],
      ['messages left by age', losses({ [a('gaps_total', 'reason="trimmed"')]: ONCE(9) }), 12],
      ['it is half an hour ago', losses({ [a('late_loss_reports_total')]: ONCE(1) }), 40],
    ],
  ),
  ...cases(
    'WsClusterGaps',
    [['one resume in ten has one', resumes(10, 1), 30]],
    [
      ['one resume in a hundred has one', resumes(100, 1), 30],
      ['nobody resumes', resumes(0, 0), 30],
    ],
  ),
  ...cases(
    'WsClusterPublishesFail',
    [['one in ten fails', publishes(90, 10), 11]],
    [
      ['one in fifty fails', publishes(98, 2), 30],
      ['nobody publishes', publishes(0, 0), 30],
    ],
  ),
  ...cases(
    'WsClusterFull',
    [
      [
        'clients are turned away all the time',
        { [a('upgrades_refused_total', 'why="full"')]: EACH(1) },
        11,
      ],
    ],
    [
      ['one was turned away', { [a('upgrades_refused_total', 'why="full"')]: '0x40 1x400' }, 14],
      ['foreign pages are', { [a('upgrades_refused_total', 'why="origin"')]: EACH(5) }, 30],
    ],
  ),
  ...cases(
    'WsClusterKeysUnavailable',
    [
      [
        'tokens cannot be verified',
        { [a('authentications_total', 'by="token",outcome="keys_unavailable"')]: EACH(1) },
        11,
      ],
    ],
    [
      [
        'tokens are wrong',
        { [a('authentications_total', 'by="token",outcome="unauthenticated"')]: EACH(9) },
        30,
      ],
    ],
  ),
  ...cases(
    'WsClusterSecretRefused',
    [
      ['keys are of no use', rereads(ONCE(1), ALWAYS(0)), 12],
      ['a URL is of no use', rereads(ALWAYS(0), ONCE(1)), 12],
    ],
    [
      ['none was refused', rereads(ALWAYS(0), ALWAYS(0)), 12],
      ['it is more than an hour ago', rereads(ONCE(1), ALWAYS(0)), 75],
    ],
  ),
  ...cases(
    'WsClusterGatewayBusy',
    [
      ['its loop is full', loop(0.97, 0.02), 11],
      ['its timers are late', loop(0.5, 0.6), 11],
    ],
    [
      ['it has work', loop(0.8, 0.1), 30],
      [
        'it was for two minutes',
        { [a('event_loop_utilisation_ratio')]: '0.2x10 0.99x8 0.2x400' },
        8,
      ],
    ],
  ),
  ...cases(
    'WsClusterRingDiffers',
    [
      ['one is behind', rings(ALWAYS(6)), 6],
      ['one is of another generation', rings(ALWAYS(7), ALWAYS(1)), 6],
      [
        'one of the same version says something else',
        { ...rings(ALWAYS(7)), [a('ring_conflicts_total')]: ONCE(1) },
        16,
      ],
    ],
    [
      ['it was for a minute', rings('6x4 7x400'), 6],
      ['one has none yet', rings(ALWAYS(0), ALWAYS(0)), 30],
    ],
  ),
  ...cases(
    'WsClusterDrainTooFast',
    [['some were cut', { [a('moved_total', 'how="forced"')]: ONCE(2) }, 12]],
    [['all were paced', { [a('moved_total', 'how="paced"')]: EACH(50) }, 30]],
  ),
];

const operatorCases: readonly AlertCase[] = [
  ...cases(
    'WsClusterUnavailable',
    [['too few serve', conditions({ Available: ALWAYS(0), Ready: ALWAYS(0) }), 6]],
    [
      ['it was stopped', conditions({ Available: ALWAYS(0), Ready: ALWAYS(1) }), 30],
      ['one of many is not ready', conditions({ Available: ALWAYS(1), Ready: ALWAYS(0) }), 30],
      ['it was just made', conditions({ Available: '0x8 1x400', Ready: '0x8 1x400' }), 6],
    ],
  ),
  ...cases(
    'WsClusterDegraded',
    [['it needs a person', conditions({ Degraded: ALWAYS(1) }), 16]],
    [
      ['it does not', conditions({ Degraded: ALWAYS(0) }), 30],
      ['it did for ten minutes', conditions({ Degraded: '1x40 0x400' }), 16],
    ],
  ),
  ...cases(
    'WsClusterOperatorAbsent',
    [
      ['there is none', {}, 6],
      ['none of two leads', { [leads('x')]: ALWAYS(0), [leads('y')]: ALWAYS(0) }, 6],
      ['it went', { [leads('x')]: '1x20 stale' }, 12],
    ],
    [
      ['one of two leads', { [leads('x')]: ALWAYS(0), [leads('y')]: ALWAYS(1) }, 30],
      [
        'another one takes over within a minute',
        { [leads('x')]: '1x20 0x400', [leads('y')]: '0x24 1x400' },
        11,
      ],
    ],
  ),
  ...cases(
    'WsClusterOperatorFails',
    [['it fails all the time', reconciles(EACH(1)), 31]],
    [
      ['it failed three times, and no more', reconciles('0x40 3x400'), 26],
      ['it does not', reconciles(ALWAYS(0)), 60],
    ],
  ),
  ...cases(
    'WsClusterOperatorApiErrors',
    [['a quarter of its requests fail', requests(3, 1), 26]],
    [
      ['one request in a hundred fails', requests(99, 1), 60],
      ['those of somebody else fail', requests(3, 1, 'stranger'), 60],
    ],
  ),
  ...cases(
    'WsClusterOperatorStuck',
    [['one takes ever longer', works('0+15x400'), 6]],
    [
      ['each takes a minute', works('0 15 30 45 60 0 15 30 45 60 0x400'), 3],
      ['somebody else’s does', works('0+15x400', 'node'), 30],
    ],
  ),
];

export const alertCases: readonly AlertCase[] = [...gatewayCases, ...operatorCases];
