import type { Timer } from '../../protocol/clock.ts';
import { ringDocumentBytes } from '../../protocol/ring-document.ts';
import { readBounded } from '../settings/secret-file.ts';
import { Heartbeats, type HeartbeatsParts } from './heartbeats.ts';
import type { PodFacts, PodsOnBoard } from './pod-board.ts';
import type { Acceptance, RingKeeper } from './ring-keeper.ts';
import type { RingSource } from './ring-source.ts';

export interface GivenRingParts extends Omit<HeartbeatsParts, 'write'> {
  /** Holds the document; it need not be there yet. Absent: only what is pushed counts. */
  readonly file: string | undefined;
}

/** Between two looks at the file. A kubelet renews a mounted one about once a minute. */
const LOOK_MS = 5_000;

/**
 * Somebody outside decides, such as an operator: by a file, which is there when the pod starts and
 * is looked at again, and by pushes. This pod never writes a ring, but it beats like every other
 * one, so that a ring reaches those that missed its push.
 */
export class GivenRing implements RingSource {
  readonly kind = 'given';
  readonly keeper: RingKeeper;
  readonly #parts: GivenRingParts;
  readonly #heartbeats: Heartbeats;
  #timer: Timer | undefined;
  #stopped = false;
  /** What the file held, or why it could not be read: the same is not told twice. */
  #seen: string | undefined;

  constructor(parts: GivenRingParts) {
    this.keeper = parts.keeper;
    this.#parts = parts;
    this.#heartbeats = new Heartbeats(parts);
  }

  readonly writer = undefined;

  start(self: PodFacts): void {
    // The file first: the first beat then says which ring this pod has.
    void this.#look().then(() => {
      if (!this.#stopped) this.#heartbeats.start(self);
    });
  }

  leave(): void {
    this.#heartbeats.leave();
  }

  stay(): void {
    this.#heartbeats.stay();
  }

  factsOf(pod: string): PodFacts | undefined {
    return this.#heartbeats.factsOf(pod);
  }

  get roundTripMs(): number | undefined {
    return this.#heartbeats.roundTripMs;
  }

  stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    return this.#heartbeats.stop();
  }

  pods(): Promise<PodsOnBoard> {
    return this.#heartbeats.pods();
  }

  /** A document from outside. The last good one stays when this one is refused. */
  push(document: string): Acceptance {
    const acceptance = this.keeper.accept(document);
    if (acceptance.outcome === 'refused') {
      this.#parts.logger.error({ reason: acceptance.reason }, 'a pushed ring is refused');
    }
    return acceptance;
  }

  async #look(): Promise<void> {
    const { file, clock } = this.#parts;
    if (file === undefined) return;
    await this.#read(file);
    if (!this.#stopped) this.#timer = clock.after(LOOK_MS, () => void this.#look());
  }

  /** Never rejects. */
  async #read(file: string): Promise<void> {
    let text: string;
    try {
      text = await readBounded(file, ringDocumentBytes);
    } catch (error) {
      this.#cannotRead(file, error);
      return;
    }
    if (text === this.#seen || this.#stopped) return;
    this.#seen = text;
    // Editors and ConfigMaps end a file with a newline.
    const acceptance = this.keeper.accept(text.trimEnd());
    if (acceptance.outcome !== 'refused') return;
    const { reason } = acceptance;
    this.#parts.logger.error({ file, reason }, 'the ring in the file is refused');
  }

  /** No file is no mistake: it may come later, and until then every pod serves whoever comes. */
  #cannotRead(file: string, error: unknown): void {
    const { logger, counts } = this.#parts;
    const reason = error instanceof Error ? error.message : String(error);
    if (reason === this.#seen) return;
    this.#seen = reason;
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      logger.warn({ file }, 'the file of the ring is not there yet');
      return;
    }
    counts.document('unreadable');
    logger.error({ file, reason }, 'the file of the ring cannot be read');
  }
}
