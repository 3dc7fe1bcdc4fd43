import { check } from '../history/checker.ts';
import type { HistoryRecord } from '../history/records.ts';
import type { Outcome, WorldViolation } from './outcome.ts';

/** Records of a world's end that stand before its first violation and behind it. */
const BEFORE = 30;
const BEHIND = 3;

/** What the publishers and the store say, which the subscribers are judged by. */
const canonical: ReadonlySet<HistoryRecord['kind']> = new Set([
  'pub',
  'entry',
  'lineage',
  'retained',
]);

interface Line {
  readonly t: number;
  readonly text: string;
}

/** Everything that happened in a world, in order, one line each. */
export function tell(outcome: Outcome): string[] {
  return linesOf(outcome, outcome.records.length).map(({ text }) => text);
}

/** What went wrong first, and what happened around it. */
export function tellFailure(outcome: Outcome): string {
  const [violation] = outcome.violations;
  if (violation === undefined) return 'Nothing went wrong.';
  const at = firstRecordOf(outcome, violation);
  const lines = linesOf(outcome, Math.min(outcome.records.length, at + BEHIND), violation);
  return [
    `Seed ${outcome.seed}: ${describe(violation)}`,
    ...outcome.violations.slice(1, 5).map((more) => `  also ${describe(more)}`),
    `Before it (replay for all of it: ${replayCommand(outcome)}):`,
    ...lines.slice(-BEFORE).map(({ text }) => `  ${text}`),
  ].join('\n');
}

export const replayCommand = ({ seed, ring }: Pick<Outcome, 'seed' | 'ring'>): string =>
  `node e2e/simulation/replay.ts --seed ${seed}${ring ? ' --ring' : ''}`;

export function describe(violation: WorldViolation): string {
  const { invariant, subscriber, detail } = violation;
  const topic = 't' in violation ? undefined : violation.topic;
  const where = [subscriber, topic].filter((part) => part !== undefined).join(' in ');
  return `${invariant}${where === '' ? '' : ` at ${where}`}: ${detail}`;
}

/** How many records it takes until the checker says the same. */
function firstRecordOf({ records, expect }: Outcome, violation: WorldViolation): number {
  if ('t' in violation) {
    const at = records.findIndex((record) => timeOf(record) > violation.t);
    return at < 0 ? records.length : at;
  }
  const wanted = describe(violation);
  const found = (count: number) => {
    const some = records.filter((record, index) => index < count || canonical.has(record.kind));
    return check(some, expect).violations.some((each) => describe(each) === wanted);
  };
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (found(middle)) high = middle;
    else low = middle + 1;
  }
  return high;
}

/** Those of the first `count` records that are worth a line, and what was done to the world. */
function linesOf({ records, notes }: Outcome, count: number, about?: WorldViolation): Line[] {
  const lines: Line[] = [];
  let note = 0;
  for (const record of records.slice(0, count)) {
    const t = timeOf(record);
    for (; note < notes.length && (notes[note]?.t ?? 0) <= t; note += 1) {
      const { t: at, text } = notes[note] as Outcome['notes'][number];
      lines.push({ t: at, text: `${stamp(at)} !! ${text}` });
    }
    if (about === undefined || concerns(record, about)) {
      lines.push({ t, text: `${stamp(t)} ${textOf(record)}` });
    }
  }
  return lines;
}

function timeOf(record: HistoryRecord): number {
  if (record.kind === 'pub') return record.ret;
  return record.kind === 'fault' ? record.end : record.t;
}

/** Whether a record is about the same topic, and about the same subscriber or all of them. */
function concerns(record: HistoryRecord, violation: WorldViolation): boolean {
  const { subscriber } = violation;
  const topic = 't' in violation ? undefined : violation.topic;
  if (record.kind === 'heard') return false;
  if (topic !== undefined && 'topic' in record && record.topic !== topic) return false;
  if (subscriber === undefined || !('subscriber' in record)) return true;
  return subscriber.split('/')[0] === record.subscriber;
}

const stamp = (t: number): string => (t / 1e6).toFixed(3).padStart(10);

function textOf(record: HistoryRecord): string {
  switch (record.kind) {
    case 'pub': {
      const where = record.epoch === undefined ? record.code : `${record.epoch}:${record.seq}`;
      const since = (record.inv / 1e6).toFixed(3);
      const ended = `${record.out} ${where} (called at ${since})`;
      return `${record.publisher} published ${record.id} to ${record.topic}: ${ended}`;
    }
    case 'entry':
      return `   store wrote ${record.topic} ${record.epoch}:${record.seq} ${record.id}`;
    case 'lineage': {
      const epochs = record.epochs.map(({ epoch, start, end }) => `${epoch} ${start}–${end}`);
      return `   store's epochs of ${record.topic}: ${epochs.join(', ')}`;
    }
    case 'retained':
      return `   store keeps ${record.topic} from ${record.first}`;
    case 'sub':
      return `${record.subscriber} begins ${record.topic} at ${record.epoch}:${record.seq}`;
    case 'unsub':
      return `${record.subscriber} gives up ${record.topic}`;
    case 'del':
      return `${record.subscriber} got ${record.topic} ${record.epoch}:${record.seq} ${record.id}`;
    case 'gap': {
      const range = `${record.from ?? '?'}–${record.to ?? '?'}`;
      const next = `continues after ${record.epoch}:${record.seq}`;
      return `${record.subscriber} gap ${record.topic} ${record.reason} ${range}, ${next}`;
    }
    case 'conn':
      return `${record.subscriber} ${[record.state, record.code].join(' ').trimEnd()}`;
    case 'heard':
      return `${record.subscriber} heard ${record.what}`;
    default:
      return record.kind;
  }
}
