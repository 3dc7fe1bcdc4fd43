import type { RingVersion } from '../../protocol/ring.ts';
import type { Line } from './line.ts';
import type { LineWatch } from './line-traffic.ts';

/** The steps of a move, as a client takes them. */
export const moveSteps = [
  /** The gateway asked it to move; nothing is done yet. */
  'asked',
  /** It dials the other gateway. */
  'dialled',
  /** The other one took the connection; hello is said next. */
  'opened',
  'greeted',
  /** The welcome is there, and not read yet. */
  'welcomed',
  /** Subscriptions were asked for, and are not answered. */
  'carrying',
  /** An answer to them is there, and not read yet. */
  'carried',
  /** All of them are answered, and a publish on the old connection is not. */
  'settling',
  /** The new connection has taken over just now. */
  'moved',
] as const;
export type MoveStep = (typeof moveSteps)[number];

/** Where a client was welcomed. */
export interface Welcomed {
  readonly pod: string;
  readonly session: string;
  /** Milliseconds of the world. */
  readonly at: number;
  /** `rings` of the owner when it was dialled, and now that it welcomed: between them it let in. */
  readonly rings: readonly [before: number, after: number];
}

/** One connection of a client, from its dialling to its end. */
export interface Leg {
  line: Line | undefined;
  welcomed: Welcomed | undefined;
  readonly ringsBefore: number;
  /** Why the gateway asked it to go on elsewhere, if it did. */
  asked: string | undefined;
  /** By which ring, as the token of that question says; undefined: by none. */
  askedBy: RingVersion | undefined;
  /** Connections that were dialled because of that. */
  tries: number;
}

/** The connections of a move. */
export interface Legs {
  readonly old: Leg | undefined;
  /** The one that it moves to, from `dialled` on. */
  readonly next: Leg | undefined;
}

interface TracedLeg extends Leg {
  readonly watch: LineWatch;
  readonly dialled: (line: Line | undefined) => void;
}

export interface MoveTraceOwner {
  onStep(step: MoveStep, legs: Legs): void;
  /** It is on `to` from now on; it came anew, or from `from`, which asked it to go. */
  onArrived(to: Welcomed, from?: Pick<Leg, 'welcomed' | 'asked' | 'askedBy'>): void;
  /** Rings that gateways have taken so far. */
  readonly rings: number;
  readonly now: number;
  /** Once the client has done all that follows from what it reads now. */
  later(task: () => void): void;
}

interface Frame {
  readonly type: string;
  readonly pod?: string;
  readonly session?: string;
  readonly reason?: string;
  readonly token?: string;
}

const telling = /^\{"type":"(welcome|move|subbed|hello|sub)"/;

/** The frame, as far as it tells of moves: most are about something else, and long. */
function frameOf(text: string): Frame {
  return telling.test(text) ? (JSON.parse(text) as Frame) : { type: 'other' };
}

/** What the token of a move says, by its own words: `gateway/edge/move-tokens.ts`. */
function ringOfToken(token: string): RingVersion | undefined {
  const claims = Buffer.from(token.split('.', 1)[0] ?? '', 'base64url').toString();
  const [generation, counter] = (JSON.parse(claims) as readonly number[]).slice(6);
  return generation && counter ? { generation, counter } : undefined;
}

/** Follows a client through its moves by what passes on its connections. */
export class MoveTrace {
  readonly #owner: MoveTraceOwner;
  #current: Leg | undefined;
  #next: Leg | undefined;

  constructor(owner: MoveTraceOwner) {
    this.#owner = owner;
  }

  /** Where it is served; undefined while it is not. */
  get home(): Welcomed | undefined {
    return this.#current?.welcomed;
  }

  /** A connection is about to be dialled. */
  begin(base: LineWatch): TracedLeg {
    const leg: TracedLeg = {
      ...{ line: undefined, welcomed: undefined, asked: undefined, askedBy: undefined, tries: 0 },
      ringsBefore: this.#owner.rings,
      watch: this.#watchOf(base, () => leg),
      dialled: (line) => {
        leg.line = line;
        if (leg === this.#next) this.#step('dialled');
      },
    };
    if (this.#current?.welcomed === undefined || this.#current.asked === undefined) {
      this.#current = leg;
      this.#next = undefined;
    } else {
      this.#current.tries += 1;
      this.#next = leg;
    }
    return leg;
  }

  #watchOf(base: LineWatch, leg: () => Leg): LineWatch {
    return {
      onOpen: () => {
        base.onOpen();
        if (leg() === this.#next) this.#step('opened');
      },
      onHeard: (what) => base.onHeard(what),
      onText: (text) => this.#heard(leg(), frameOf(text)),
      onSaid: (text) => this.#said(leg(), frameOf(text)),
      onEnd: (code) => {
        base.onEnd(code);
        this.#ended(leg());
      },
    };
  }

  #step(step: MoveStep): void {
    this.#owner.onStep(step, { old: this.#current, next: this.#next });
  }

  #heard(leg: Leg, { type, pod = '', session = '', reason, token }: Frame): void {
    if (type === 'welcome') {
      const { rings, now: at } = this.#owner;
      leg.welcomed = { pod, session, at, rings: [leg.ringsBefore, rings] };
      if (leg === this.#next) this.#step('welcomed');
      else if (leg === this.#current) this.#owner.onArrived(leg.welcomed);
    } else if (type === 'move') {
      // Of the next one, it is done when that has become the current one.
      leg.asked = reason;
      leg.askedBy = token === undefined ? undefined : ringOfToken(token);
      if (leg === this.#current) this.#step('asked');
    } else if (type === 'subbed' && leg === this.#next) {
      this.#step('carried');
      this.#owner.later(() => {
        if (leg === this.#next) this.#step('settling');
      });
    }
  }

  #said(leg: Leg, { type }: Frame): void {
    if (leg !== this.#next) return;
    if (type === 'hello') this.#step('greeted');
    else if (type === 'sub') this.#step('carrying');
  }

  #ended(leg: Leg): void {
    if (leg === this.#next) this.#next = undefined;
    if (leg !== this.#current) return;
    const next = this.#next;
    this.#next = undefined;
    this.#current = next?.welcomed === undefined ? undefined : next;
    if (next?.welcomed === undefined) return;
    this.#owner.onStep('moved', { old: leg, next });
    this.#owner.onArrived(next.welcomed, leg);
  }
}
