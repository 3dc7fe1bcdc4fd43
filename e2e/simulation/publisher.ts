import type { Client } from '../../client/client.ts';
import { PublishError } from '../../client/errors.ts';
import type { Outcome } from '../../gateway/stream/stream.ts';
import { parsePosition } from '../../protocol/position.ts';
import type { PublishRecord } from '../history/records.ts';
import { composed, hashOfMessage } from '../load/message.ts';
import type { Broken } from './broken.ts';
import type { History } from './history.ts';
import type { SimulatedGateway } from './simulated-gateway.ts';

type Ending = Pick<PublishRecord, 'out' | 'epoch' | 'seq' | 'code'>;
/** Where a message goes, and how long it is. */
interface Target {
  readonly topic: string;
  readonly bytes: number;
}

type Begun = Omit<PublishRecord, 'ret' | 'out'>;

/** By so much an answer may come after that of a later publish. */
const OVERTAKEN_MS = 1_000;

const encoder = new TextEncoder();

/** Writes down every publish, also those that are never answered. */
export class PublishLog {
  readonly #history: History;
  /** With whether somebody is still there who can answer. */
  readonly #open = new Map<Begun, () => boolean>();
  readonly #numbers = new Map<string, number>();
  /** By client and topic: the newest that was answered, and when, ms. */
  readonly #answered = new Map<string, { readonly pn: number; readonly at: number }>();
  readonly broken: Broken[] = [];

  constructor(history: History) {
    this.#history = history;
  }

  /** Publishes that will still be answered. */
  get open(): number {
    return [...this.#open.values()].filter((lives) => lives()).length;
  }

  /** Through a client, under a number of its own, so that it can be repeated. */
  byClient(publisher: string, client: Client, to: Target): void {
    const { begun, message } = this.#begin(publisher, to, () => true);
    client.publish(to.topic, message).then(
      ({ position }) => {
        this.#noteAnswer(begun);
        this.#end(begun, { out: 'ok', ...placeOf(position) });
      },
      (error: unknown) => {
        if (!(error instanceof PublishError)) throw error;
        if (error.code === 'timeout') this.#judgeTimeout(begun);
        this.#end(begun, { out: error.outcome, code: error.code });
      },
    );
  }

  #noteAnswer({ publisher, topic, pn }: Begun): void {
    const which = `${publisher} ${topic}`;
    const newest = this.#answered.get(which);
    if (newest === undefined || newest.pn < pn) this.#answered.set(which, { pn, at: this.#ms });
  }

  /** What is sent again is sent in order, so what came later is answered later. */
  #judgeTimeout({ publisher, topic, pn, id }: Begun): void {
    const newest = this.#answered.get(`${publisher} ${topic}`);
    if (newest === undefined || newest.pn < pn || newest.at > this.#ms - OVERTAKEN_MS) return;
    const detail = `${id} was never answered, and a later one was long before`;
    const { t } = this.#history;
    this.broken.push({ invariant: 'answers', subscriber: publisher, detail, t });
  }

  get #ms(): number {
    return this.#history.t / 1e6;
  }

  /** At a gateway, as the HTTP API does, without a number: never repeated. */
  byGateway(gateway: SimulatedGateway, to: Target): void {
    const { begun, message } = this.#begin(gateway.name, to, () => gateway.process.alive);
    const bytes = encoder.encode(JSON.stringify(message));
    const data = { encoding: 'json', bytes } as const;
    const draft = { topic: to.topic, data, identity: '', ack: 'leader' } as const;
    gateway.stream.publish(draft).then(
      (outcome) => this.#end(begun, endingOf(outcome)),
      (error: unknown) => {
        throw error;
      },
    );
  }

  /** Nobody will answer any more. */
  conclude(): void {
    for (const begun of this.#open.keys()) this.#end(begun, { out: 'unknown', code: 'unanswered' });
  }

  #begin(publisher: string, { topic, bytes }: Target, lives: () => boolean) {
    const pn = (this.#numbers.get(publisher) ?? 0) + 1;
    this.#numbers.set(publisher, pn);
    const id = `sim/${publisher}/${pn}`;
    const message = composed(id, bytes);
    const hash = hashOfMessage(message);
    const inv = this.#history.t;
    const said = { topic, id, hash, publisher, pn, attempt: 1, inv, level: 'leader' } as const;
    const begun: Begun = { kind: 'pub', ...said };
    this.#open.set(begun, lives);
    return { begun, message };
  }

  #end(begun: Begun, ending: Ending): void {
    if (!this.#open.delete(begun)) return;
    this.#history.tally.add(`publish ${ending.out}`);
    this.#history.recorder.write({ ...begun, ret: this.#history.t, ...ending });
  }
}

function placeOf(position: string | undefined): { epoch: string; seq: number } {
  const place = parsePosition(position);
  if (place === undefined) throw new Error(`an acknowledged publish is nowhere: ${position}`);
  return { epoch: place.epoch, seq: place.seq };
}

function endingOf(outcome: Outcome): Ending {
  if (outcome.outcome !== 'ok') return { out: outcome.outcome, code: outcome.code };
  const { epoch, seq } = outcome.position;
  return { out: 'ok', epoch, seq };
}
