import type { SocketLike } from '../../client/platform.ts';
import type { Reach } from '../../gateway/stream/chain.ts';
import type { Bell, Log, LogDraft, Resumed, ResumeRequest } from '../../gateway/stream/log.ts';
import type { Entry, Outcome, PageStep } from '../../gateway/stream/stream.ts';
import { formatPosition, type Position, parsePosition } from '../../protocol/position.ts';
import type { Invariant } from '../history/verdict.ts';
import type { Spoilers } from './world.ts';

/** A bug that is planted, and the invariants by which it must be found. */
export interface Mutant {
  readonly name: string;
  readonly found: readonly Invariant[];
  readonly spoilers: Spoilers;
}

/** A log like another one, but for what is given. */
function changed(log: Log, changes: Partial<Log>): Log {
  const same: Log = {
    unsuitable: log.unsuitable,
    start: (bell, deadlineMs) => log.start(bell, deadlineMs),
    stop: () => log.stop(),
    append: (topic, batch, replicas) => log.append(topic, batch, replicas),
    resume: (topic, request) => log.resume(topic, request),
    report: (lineage, known, last) => log.report(lineage, known, last),
    listen: (topic) => log.listen(topic),
    unlisten: (topic) => log.unlisten(topic),
    now: () => log.now(),
    probe: (token) => log.probe(token),
    openSession: (key) => log.openSession(key),
    saveSession: (key, generation, cursors) => log.saveSession(key, generation, cursors),
  };
  return { ...same, ...changes };
}

function resuming(change: (resumed: Resumed) => Resumed): NonNullable<Spoilers['log']> {
  return (log) =>
    changed(log, { resume: async (topic, asked) => change(await log.resume(topic, asked)) });
}

const isGap = (step: PageStep, ...reasons: readonly string[]) =>
  step.kind === 'gap' && reasons.includes(step.gap.reason);

/** The page without the gaps that a failover left: what follows is told as if it were the next. */
function withoutLosses(resumed: Resumed): Resumed {
  const steps = resumed.steps.filter((step) => !isGap(step, 'lost', 'truncated'));
  return { ...resumed, steps };
}

/** As far as the subscriber had it, and the rest: where the first leaves off, the second begins. */
function inTwoPieces(resumed: Resumed, { from: asked }: ResumeRequest): Resumed {
  const had = asked !== undefined && 'seq' in asked ? asked.seq : 0;
  const steps = resumed.steps.flatMap((step): PageStep[] => {
    if (step.kind === 'entry' || step.gap.reason !== 'truncated') return [step];
    const { gap } = step;
    if (had >= (gap.to ?? 0)) return [step];
    return [
      { kind: 'gap', gap: { ...gap, to: had } },
      { kind: 'gap', gap: { ...gap, reason: 'lost' } },
    ];
  });
  return { ...resumed, steps };
}

function withoutOrigins(known: ReadonlyMap<string, Reach>): Map<string, Reach> {
  return new Map(
    known.entries().map(([topic, { origin: _, ...position }]) => [topic, position] as const),
  );
}

/** A page of several entries loses the last one, and its cursor does not. */
function withoutLast(resumed: Resumed): Resumed {
  const { steps, cursor, head } = resumed;
  const last = steps.at(-1);
  const level = cursor.seq === head.seq;
  if (steps.length < 3 || level || last?.kind !== 'entry') return resumed;
  return { ...resumed, steps: steps.slice(0, -1) };
}

/** The first entry of a longer page is told as trimmed. */
function withFalseGap(resumed: Resumed): Resumed {
  const [first, ...rest] = resumed.steps;
  if (first?.kind !== 'entry' || rest.length < 2) return resumed;
  const { epoch, seq, at } = first.entry;
  const position = { epoch, seq, confirmed: Math.floor(at / 1_000) };
  const gap = { reason: 'trimmed', from: seq, to: seq, position } as const;
  return { ...resumed, steps: [{ kind: 'gap', gap }, ...rest] };
}

/** Two neighbours of one live copy change places, and keep their numbers. */
function swapped(entries: readonly Entry[]): readonly Entry[] {
  const [first, second, ...rest] = entries;
  if (first === undefined || second === undefined) return entries;
  const { epoch, seq } = first;
  return [{ ...second, epoch, seq }, { ...first, epoch, seq: second.seq }, ...rest];
}

const ringing =
  (change: (bell: Bell) => Partial<Bell>): NonNullable<Spoilers['log']> =>
  (log) =>
    changed(log, {
      start: (bell, deadlineMs) => log.start({ ...bellOf(bell), ...change(bell) }, deadlineMs),
    });

const bellOf = (bell: Bell): Bell => ({
  entries: (topic, entries, second) => bell.entries(topic, entries, second),
  announced: (topic, range) => bell.announced(topic, range),
  probed: (token) => bell.probed(token),
  superseded: (key, generation) => bell.superseded(key, generation),
  up: () => bell.up(),
  down: (reason) => bell.down(reason),
});

const withoutAge = ({ sentAfter: _, ...draft }: LogDraft): LogDraft => draft;

const withoutProducer = ({ identity, data }: LogDraft): LogDraft => ({ identity, data });

/** The last one of several is acknowledged before it is written, which then does not happen. */
async function acknowledgedOnly(log: Log, topic: string, batch: readonly LogDraft[]) {
  if (batch.length < 2) return log.append(topic, batch, 0);
  const outcomes = await log.append(topic, batch.slice(0, -1), 0);
  const last = outcomes.at(-1);
  if (last?.outcome !== 'ok') return outcomes;
  const position = { ...last.position, seq: last.position.seq + 1 };
  return [...outcomes, { outcome: 'ok', position, duplicate: false } satisfies Outcome];
}

const refused: Outcome = { outcome: 'failed', code: 'internal', message: 'it was written' };

/** A socket whose frames are changed on the way; undefined: dropped. */
function socket(change: {
  readonly up?: (frame: Frame) => Frame;
  readonly down?: (frame: Frame) => Frame | undefined;
}): NonNullable<Spoilers['socket']> {
  return (inner) => {
    const outer: SocketLike = {
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      send: (text) => inner.send(change.up ? JSON.stringify(change.up(JSON.parse(text))) : text),
      close: (code) => inner.close(code),
    };
    inner.onopen = (event: never) => outer.onopen?.(event);
    inner.onclose = (event: never) => outer.onclose?.(event);
    inner.onmessage = ({ data }: { readonly data: string }) => {
      const frame = change.down ? change.down(JSON.parse(data)) : JSON.parse(data);
      if (frame !== undefined) outer.onmessage?.({ data: JSON.stringify(frame) } as never);
    };
    return outer;
  };
}

interface Frame {
  readonly type: string;
  readonly id?: unknown;
  readonly retry?: boolean;
  readonly topics?: readonly (string | { readonly topic: string; readonly position?: string })[];
}

/** Asks to continue one further than it is. */
function advanced(frame: Frame): Frame {
  if (frame.type !== 'sub') return frame;
  const topics = frame.topics?.map((asked) => {
    const at = typeof asked === 'string' ? undefined : parsePosition(asked.position);
    if (typeof asked === 'string' || at === undefined) return asked;
    return { ...asked, position: formatPosition(oneFurther(at)) };
  });
  return { ...frame, ...(topics === undefined ? {} : { topics }) };
}

function oneFurther(position: Position): Position {
  return { ...position, seq: position.seq + 1 };
}

/** Nobody hears that it was sent before. */
function withoutRetry(frame: Frame): Frame {
  return frame.type === 'pub' ? { ...frame, retry: false } : frame;
}

function withoutId(frame: Frame): Frame {
  if (frame.type !== 'msg') return frame;
  const { id: _, ...rest } = frame;
  return rest;
}

const late = new Error('the mutant forgets');

export const mutants: readonly Mutant[] = [
  {
    name: 'the log says nothing of what a failover lost',
    found: ['I6'],
    spoilers: { log: resuming(withoutLosses) },
  },
  {
    name: 'gateways do not report what they knew of a lost end',
    found: ['I6'],
    spoilers: {
      log: (log) => changed(log, { report: (lineage) => log.report(lineage, new Map(), true) }),
    },
  },
  {
    name: 'gateways do not say where the epochs began that they knew',
    found: ['I8'],
    spoilers: {
      log: (log) =>
        changed(log, {
          report: (lineage, known, last) => log.report(lineage, withoutOrigins(known), last),
        }),
    },
  },
  {
    name: 'what a failover took is told in two pieces, with a place between them',
    found: ['I8', 'I6'],
    spoilers: {
      log: (log) =>
        changed(log, {
          resume: async (topic, asked) => inTwoPieces(await log.resume(topic, asked), asked),
        }),
    },
  },
  {
    name: 'a page drops its last entry and its cursor pretends',
    found: ['I6', 'I9'],
    spoilers: { log: resuming(withoutLast) },
  },
  {
    name: 'a page says that an entry was trimmed which is there',
    found: ['I8'],
    spoilers: { log: resuming(withFalseGap) },
  },
  {
    name: 'two entries of a live copy change places',
    found: ['I4'],
    spoilers: {
      log: ringing((bell) => ({
        entries: (topic, entries, second) => bell.entries(topic, swapped(entries), second),
      })),
    },
  },
  {
    name: 'a publish that is tried again is written again',
    found: ['I2', 'I3'],
    spoilers: {
      log: (log) =>
        changed(log, {
          append: (topic, batch, replicas) =>
            log.append(topic, batch.map(withoutProducer), replicas),
        }),
    },
  },
  {
    name: 'a publish that comes late is written, whatever may be forgotten of it',
    found: ['I2', 'I3'],
    spoilers: {
      log: (log) =>
        changed(log, {
          append: (topic, batch, replicas) => log.append(topic, batch.map(withoutAge), replicas),
        }),
    },
  },
  {
    name: 'a publish is acknowledged before it is written',
    found: ['I4', 'I6', 'I7'],
    spoilers: {
      log: (log) => changed(log, { append: (topic, batch) => acknowledgedOnly(log, topic, batch) }),
    },
  },
  {
    name: 'a publish that was written is answered as failed',
    found: ['I2'],
    spoilers: {
      log: (log) =>
        changed(log, {
          append: async (topic, batch, replicas) => {
            const outcomes = await log.append(topic, batch, replicas);
            return batch.length === 3 ? outcomes.map(() => refused) : outcomes;
          },
        }),
    },
  },
  {
    name: 'publishes of one turn are written backwards',
    found: ['I5', 'I4'],
    spoilers: {
      log: (log) =>
        changed(log, {
          append: async (topic, batch, replicas) =>
            (await log.append(topic, batch.toReversed(), replicas)).toReversed(),
        }),
    },
  },
  {
    name: 'the cursor of a session moves before its client has read',
    found: ['I6', 'I8'],
    spoilers: {
      log: (log) =>
        changed(log, {
          saveSession: (key, generation, cursors) => {
            const moved = [...cursors].map(([topic, at]) => [topic, at && oneFurther(at)] as const);
            return log.saveSession(key, generation, new Map(moved));
          },
        }),
    },
  },
  {
    name: 'nothing is heard of a session that is saved',
    found: ['I6'],
    spoilers: {
      log: (log) => changed(log, { saveSession: () => Promise.reject(late) }),
    },
  },
  {
    name: "a client's position is one further than what it received",
    found: ['I6', 'I8', 'I9'],
    spoilers: { socket: socket({ up: advanced }) },
  },
  {
    name: 'a client does not say that it sends a publish again',
    found: ['I5'],
    spoilers: { socket: socket({ up: withoutRetry }) },
  },
  {
    name: 'the ids of messages are lost on their way',
    found: ['I3'],
    spoilers: { socket: socket({ down: withoutId }) },
  },
  {
    name: 'gaps are lost on their way',
    found: ['I6', 'I9'],
    spoilers: {
      socket: socket({ down: (frame) => (frame.type === 'gap' ? undefined : frame) }),
    },
  },
];
