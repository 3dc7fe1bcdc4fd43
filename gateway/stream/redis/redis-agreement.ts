import type { Clock } from '../../../protocol/clock.ts';
import { StoreDown } from '../log.ts';
import { timeLimit } from '../time-limit.ts';
import type { Connection } from './redis-connections.ts';
import { factsOf } from './redis-facts.ts';
import type { ServerFacts } from './suitability.ts';

export interface AgreementOptions {
  readonly publish: Pick<Connection, 'usable' | 'call' | 'break' | 'leave'>;
  /** The one that carries the probes. */
  readonly control: Pick<Connection, 'call'>;
  /** Breaks the connections that a probe needs. */
  readonly breakProbes: (reason: string) => void;
  readonly clock: Clock;
  /** Longest time in which the publish connection answers while all is well. */
  readonly limitMs: number;
}

/**
 * Whether publishes go to the server that the probes prove. After a failover they may not: a master
 * that was frozen meanwhile goes on as one until somebody tells it, and a connection on which
 * nothing was asked has missed nothing. What it acknowledges then is lost, and when every gateway
 * has reported what it knew, nobody is told.
 *
 * The proof is the replication id, which every promotion changes; the id before it says which of
 * two servers is behind. The id of one server changes too (a restart, the first replica), which
 * breaks nothing. Where INFO is hidden a server is taken as it is.
 */
export class Agreement {
  readonly #options: AgreementOptions;
  /** What the newest probe proved; undefined: nothing yet, or it is hidden. */
  #proven: string | undefined;
  /** What the publish connection showed last. */
  #shown: string | undefined;
  #judging: Promise<void> | undefined;

  constructor(options: AgreementOptions) {
    this.#options = options;
  }

  /** Publishes may be sent. Before the first probe there is nothing to differ from. */
  get usable(): boolean {
    return this.#options.publish.usable && this.#agrees;
  }

  get #agrees(): boolean {
    return this.#proven === undefined || this.#proven === this.#shown;
  }

  /** The publish connection is on this server. */
  showed({ lineage }: ServerFacts): void {
    this.#shown = lineage ?? this.#proven;
  }

  /** Asks where the publish connection is, with every probe, and nobody waits for the answer. */
  look(): void {
    this.#look().catch(() => {
      // It broke, or Redis is busy. Where it must be known it is asked again.
    });
  }

  /**
   * A probe proved this replication id; undefined: it is hidden. Resolves at once while the publish
   * connection shows the same, else when it does or was broken. Rejects with StoreDown or
   * StoreUnknown when the id has changed again, or the probe is what went to the wrong server.
   */
  async confirm(lineage: string | undefined): Promise<void> {
    this.#proven = lineage;
    if (this.#agrees || !this.#options.publish.usable) return;
    this.#judging ??= this.#judge().finally(() => {
      this.#judging = undefined;
    });
    await this.#judging;
  }

  /** What the publish connection shows now; undefined: it leads to no master. */
  async #look(): Promise<ServerFacts | undefined> {
    const { publish } = this.#options;
    if (!publish.usable) return undefined;
    const here = await factsOf(publish, 'replication');
    this.showed(here);
    if (!here.replica) return here;
    publish.leave('this Redis is a replica');
    return undefined;
  }

  async #judge(): Promise<void> {
    const { publish, control, breakProbes } = this.#options;
    const here = await this.#lookNow();
    if (here === undefined || this.#agrees) return;
    // Asked behind the other one, so that an id that changed since the probe is no difference.
    const there = await factsOf(control, 'replication');
    if (this.#agrees) return;
    if (here.lineage === there.lineage) throw new StoreDown('the lineage changed meanwhile');
    const publishesBehind = here.lineage === there.lineageBefore;
    const probesBehind = there.lineage === here.lineageBefore;
    const reason = 'publishes and probes went to different servers';
    // Where neither descends from the other, all of them look for the master again.
    if (publishesBehind || !probesBehind) publish.break(reason);
    if (publishesBehind && !probesBehind) return;
    breakProbes(reason);
    throw new StoreDown(reason);
  }

  /** What is silent now is broken: what this gateway knew has to be reported in time. */
  async #lookNow(): Promise<ServerFacts | undefined> {
    const { publish, clock, limitMs } = this.#options;
    try {
      return await timeLimit(clock, limitMs, this.#look());
    } catch (error) {
      publish.break(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }
}
