import type { SocketLike } from '../../client/platform.ts';
import type { Random } from '../../protocol/clock.ts';
import type { History } from './history.ts';
import type { LineWatch } from './line-traffic.ts';
import type { MoveTrace } from './move-trace.ts';
import type { Network } from './network.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** Who listens, and must hear everything. */
export interface Participant {
  readonly name: string;
  readonly process: SimulatedProcess;
  readonly topics: readonly string[];
  start(): void;
  /** Every topic has begun: from here on everything must arrive. */
  readonly begun: boolean;
  readonly connected: boolean;
  /** Where it is in a topic; undefined before it began. */
  place(topic: string): { readonly epoch: string; readonly seq: number } | undefined;
}

export interface ParticipantParts {
  readonly name: string;
  readonly process: SimulatedProcess;
  readonly topics: readonly string[];
  readonly network: Network;
  readonly random: Random;
  readonly history: History;
  /** Where it connects to. */
  readonly urls: readonly string[];
  /** Of the client package, see `ClientOptions`. */
  readonly resendWindowMs: number;
  /** Who follows it through its moves; undefined: nobody. */
  readonly trace: MoveTrace | undefined;
  /** A planted fault between the client and its socket. */
  readonly spoil?: ((socket: SocketLike) => SocketLike) | undefined;
}

/** Writes down what happens on a participant's connections. */
export function watchOf(name: string, history: History): LineWatch {
  // While a client moves it has two.
  let open = 0;
  return {
    onOpen: () => {
      open += 1;
      if (open === 1) history.connection(name, 'open');
    },
    onHeard: (what) => history.heard(name, what),
    onEnd: (code) => {
      open -= 1;
      if (open === 0) history.connection(name, 'closed', code);
    },
  };
}
