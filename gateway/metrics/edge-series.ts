import { moveReasonNames } from '../../protocol/code-table.ts';
import { closeCodes } from '../../protocol/codes.ts';
import type { Command } from '../../protocol/commands.ts';
import type { ConnectionState } from '../edge/connection-state.ts';
import type { EdgeCounts, Moved, MoveTokenOutcome, Refused } from '../edge/counts.ts';
import { type Health, healths } from '../edge/health.ts';
import { codes, outcomes } from './labels.ts';
import { allOf, type SeriesMaker } from './series.ts';

const states = allOf<ConnectionState>({ opening: true, open: true, draining: true, closed: true });
/** Of what clients may send; anything else is refused and never gets here. */
const commands: ReadonlySet<string> = new Set(
  allOf<Command['type']>({
    ...{ hello: true, sub: true, unsub: true, pub: true, ack: true, auth: true, ping: true },
  }),
);
const closes = [...Object.values(closeCodes).map(({ code }) => String(code)), 'other'];
const moves: Moved[] = allOf<Moved>({ paced: true, hurried: true, forced: true });

export function edgeCounts(make: SeriesMaker): EdgeCounts {
  const close = make.counters('closes_total', 'Connections that ended, by close code.', {
    label: 'code',
    values: closes,
  });
  const violation = make.counters(
    'violations_total',
    'Peers that broke the rules of WebSocket, by close code.',
    { label: 'code', values: closes },
  );
  const known = (code: number) => (closes.includes(String(code)) ? String(code) : 'other');
  const cursors = make.counters(
    'cursors_total',
    'Cursors of sessions that were written, could not be, or were too many.',
    { label: 'outcome', values: allOf({ saved: true, failed: true, dropped: true }) },
  );
  const roundTrip = make.histogram(
    'round_trip_seconds',
    'From a ping to its pong.',
    [0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
  );
  const received = make.counters('commands_total', 'Commands of clients.', {
    label: 'command',
    values: [...commands.keys(), 'other'],
  });
  return {
    ...connectionCounts(make),
    closed: (code) => close(known(code)),
    received: (command) => received(commands.has(command) ? command : 'other'),
    failed: make.counters('errors_total', 'Errors answered to clients.', codes),
    violation: (code) => violation(known(code)),
    limited: make.counters('rate_limited_total', 'Times reading was stopped because of a rate.', {
      label: 'by',
      values: allOf({ connection: true, identity: true }),
    }),
    slow: make.counters(
      'slow_connections_total',
      'Connections that became slow, recovered, or fell.',
      { label: 'event', values: allOf({ began: true, ended: true, closed: true }) },
    ),
    roundTrip: (ms) => roundTrip(ms / 1_000),
    published: make.counters('client_publishes_total', 'Publishes of WebSocket clients.', outcomes),
    cursors: (what, count) => cursors(what, count),
    sessionsForgotten: make.counter(
      'sessions_forgotten_total',
      'Sessions given up because their identity had more than it may.',
    ),
    ...moveCounts(make),
    ...proxyCounts(make),
  };
}

function proxyCounts(make: SeriesMaker): Pick<EdgeCounts, 'hop' | 'proxied' | 'tunnelCut'> {
  return {
    hop: make.counters('hops_total', 'Connections that said to be of another gateway.', {
      label: 'outcome',
      values: allOf<Parameters<EdgeCounts['hop']>[0]>({
        ...{ ok: true, unwanted: true, invalid: true, expired: true, unknown_pod: true },
        ...{ replayed: true, full: true },
      }),
    }),
    proxied: make.counters(
      'proxied_total',
      'Clients that belong elsewhere: passed on, or why they were served in place.',
      {
        label: 'outcome',
        values: allOf<Parameters<EdgeCounts['proxied']>[0]>({
          ...{ ok: true, unreachable: true, timeout: true, refused: true, stranger: true },
          ...{ declined: true, full: true, resting: true, gone: true },
        }),
      },
    ),
    tunnelCut: make.counters(
      'proxied_cut_total',
      'Clients passed on that were cut off: their owner was silent, or they read nothing.',
      {
        label: 'why',
        values: allOf<Parameters<EdgeCounts['tunnelCut']>[0]>({ silent: true, slow: true }),
      },
    ),
  };
}

function moveCounts(
  make: SeriesMaker,
): Pick<EdgeCounts, 'asked' | 'departed' | 'moveToken' | 'moved'> {
  return {
    asked: make.counters(
      'move_requests_total',
      'Clients that were asked to go on elsewhere without a break, by why.',
      { label: 'reason', values: moveReasonNames },
    ),
    departed: make.counters(
      'move_departures_total',
      'Clients that were asked so and ended their connection, in time or later.',
      { label: 'when', values: ['in_time', 'late'] },
    ),
    moveToken: make.counters('move_tokens_total', 'Tokens of moves that clients showed here.', {
      label: 'outcome',
      values: allOf<MoveTokenOutcome>({
        ok: true,
        invalid: true,
        expired: true,
        unknown_pod: true,
      }),
    }),
    moved: make.counters('moved_total', 'Connections that were asked to leave.', {
      label: 'how',
      values: moves,
    }),
  };
}

function connectionCounts(make: SeriesMaker): Pick<EdgeCounts, 'refused' | 'state' | 'health'> {
  const inState: Partial<Record<ConnectionState, number>> = {};
  const inHealth: Partial<Record<Health, number>> = {};
  const moveOne = <T extends string>(
    counts: Partial<Record<T, number>>,
    from: T | undefined,
    to: T | undefined,
  ) => {
    if (from !== undefined) counts[from] = (counts[from] ?? 0) - 1;
    if (to !== undefined) counts[to] = (counts[to] ?? 0) + 1;
  };
  const connected = states.filter((state) => state !== 'closed');
  const transitions = make.grid(
    'connection_transitions_total',
    'Changes of the state of a connection.',
    [
      { label: 'from', values: ['none', ...states] },
      { label: 'to', values: states },
    ],
  );
  const changes = make.grid('health_transitions_total', 'Changes of the health of a connection.', [
    { label: 'from', values: ['none', ...healths] },
    { label: 'to', values: [...healths, 'none'] },
  ]);
  make.gauges('connections', 'Connections by state.', {
    label: 'state',
    values: connected,
    read: () => inState,
  });
  make.gauges('connections_health', 'Connections by health.', {
    label: 'health',
    values: healths,
    read: () => inHealth,
  });
  return {
    refused: make.counters('upgrades_refused_total', 'Upgrades that were answered over HTTP.', {
      label: 'why',
      values: allOf<Refused>({
        path: true,
        host: true,
        origin: true,
        handshake: true,
        full: true,
        leaving: true,
        hop: true,
      }),
    }),
    state(from, to) {
      moveOne(inState, from, to);
      transitions(from ?? 'none', to);
    },
    health(from, to) {
      moveOne(inHealth, from, to);
      changes(from ?? 'none', to ?? 'none');
    },
  };
}
