import type { Random } from '../../protocol/clock.ts';
import type { Recorder } from '../history/recorder.ts';
import type { LoadCounts } from './counts.ts';
import type { Targets } from './target.ts';

/** Somebody who listens, records what it hears, and comes back whenever it is thrown out. */
export interface Subscriber {
  readonly name: string;
  readonly topics: readonly string[];
  start(): void;
  /** Every topic has begun: from here on everything must arrive. */
  readonly begun: boolean;
  /** Connected to a gateway and subscribed there. */
  readonly attached: boolean;
  /** Where it is in a topic; undefined before it began. */
  place(topic: string): Place | undefined;
  /** Leaves for good. */
  stop(): Promise<void>;
}

export interface Place {
  readonly epoch: string;
  readonly seq: number;
}

export interface SubscriberOptions {
  readonly name: string;
  readonly identity: string;
  readonly topics: readonly string[];
  readonly targets: Targets;
  readonly recorder: Recorder;
  readonly counts: LoadCounts;
  readonly random: Random;
  /** The gateways' heartbeat: silence of two and a half of them ends a connection. */
  readonly heartbeatMs: number;
  /** A client of the package comes back as slowly as it does by default. */
  readonly patient: boolean;
}

/** A connection that heard nothing for so long is dead. */
export const silenceOf = (heartbeatMs: number): number => heartbeatMs * 2.5;
