import { StoreUnknown } from '../../stream/log.ts';
import {
  type Beaten,
  type BoardTime,
  type OfferOutcome,
  offerOutcomes,
  type PodBeat,
  type PodFacts,
  type PodLoad,
  type PodsOnBoard,
  podStates,
} from '../pod-board.ts';

/**
 * What the scripts of the board answer, judged: whatever Redis or somebody in its place says, the
 * result is of these types, or a `StoreUnknown` that says what was not understood.
 */

type Reply = readonly unknown[];

const listOf = (value: unknown): Reply => (Array.isArray(value) ? value : []);

function text(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString() : '';
}

/** A whole number from -1. */
function whole(value: unknown, script: string): number {
  const digits = text(value);
  const number = /^(-1|\d{1,16})$/.test(digits) ? Number(digits) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new StoreUnknown(`Redis gave an answer to ${script} that cannot be`);
}

export function beatReply(reply: unknown, pod: string): Beaten {
  const values = listOf(reply);
  const number = (at: number) => whole(values[at], 'beat');
  const generation = number(4);
  const holder = text(values[2]);
  const token = text(values[8]);
  const facts = listOf(values[9]);
  const lease = number(3);
  return {
    time: { now: number(0), since: number(1) },
    ring:
      generation < 0
        ? undefined
        : {
            version: { generation, counter: number(5) },
            digest: text(values[6]),
            document: text(values[7]) || undefined,
          },
    // With a pod's own facts in it, a list that is given is never empty.
    facts: { token, all: facts.length === 0 ? undefined : readFacts(facts) },
    holder: holder === '' ? undefined : holder,
    lease:
      holder === pod && lease > 0
        ? { generation: lease, beats: readBeats(listOf(values[10])) }
        : undefined,
  };
}

export function offerReply(reply: unknown): OfferOutcome {
  const outcome = offerOutcomes.find((name) => name === text(reply));
  if (outcome === undefined) throw new StoreUnknown('Redis gave an answer to offer that cannot be');
  return outcome;
}

export function podsReply(reply: unknown): PodsOnBoard {
  const values = listOf(reply);
  const time: BoardTime = { now: whole(values[0], 'pods'), since: whole(values[1], 'pods') };
  return { time, facts: readFacts(listOf(values[2])), beats: readBeats(listOf(values[3])) };
}

/** Each pod by itself: what one of another version says does not hide the others. */
function readBeats(values: Reply): Map<string, PodBeat> {
  return readPairs(values, readBeat);
}

function readFacts(values: Reply): Map<string, PodFacts> {
  return readPairs(values, readFactsOf);
}

function readPairs<T>(values: Reply, read: (text: string) => T | undefined): Map<string, T> {
  const map = new Map<string, T>();
  for (let at = 0; at + 1 < values.length; at += 2) {
    const value = read(text(values[at + 1]));
    if (value !== undefined) map.set(text(values[at]), value);
  }
  return map;
}

const BEAT = /^(\d{1,16}) (\d{1,16}) (\d{1,16}) (\d{1,2}) ([a-z]+) (.*)$/;

function readBeat(beat: string): PodBeat | undefined {
  const [, at, interval, up, falls, named, load] = BEAT.exec(beat) ?? [];
  const state = podStates.find((name) => name === named);
  if (state === undefined) return undefined;
  return {
    at: Number(at),
    intervalMs: Number(interval),
    upSince: Number(up),
    falls: Number(falls),
    state,
    load: readLoad(load ?? ''),
  };
}

function readLoad(load: string): PodLoad {
  const { c, u, h } = fieldsOf(load);
  return {
    connections: typeof c === 'number' ? c : 0,
    utilisation: typeof u === 'number' ? u : 0,
    ...(typeof h === 'number' && { handovers: h }),
  };
}

function readFactsOf(facts: string): PodFacts | undefined {
  const { weight, zone, address, key = '' } = fieldsOf(facts);
  if (typeof weight !== 'number' || typeof key !== 'string') return undefined;
  if (typeof zone !== 'string' || typeof address !== 'string') return undefined;
  return { weight, zone, address, key };
}

function fieldsOf(json: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // Not JSON: a pod of another version, or nobody of ours; it has then said nothing.
    return {};
  }
}

export const encodeLoad = ({ connections: c, utilisation, handovers: h }: PodLoad): string =>
  JSON.stringify({ c, u: Math.round(utilisation * 1_000) / 1_000, h });

export const encodeFacts = ({ weight, zone, address, key }: PodFacts): string =>
  JSON.stringify({ weight, zone, address, key });
