import { hashOf } from '../history/recorder.ts';

/** What the load publishes: its own name, and padding that makes it as long as asked for. */
export interface LoadMessage {
  readonly id: string;
  readonly pad: string;
}

export function composed(id: string, bytes: number): LoadMessage {
  // The padding depends on the name, so that data under a wrong name has a wrong hash.
  const seed = `${hashOf(id)}.`;
  const pad = seed.repeat(Math.ceil(bytes / seed.length)).slice(0, bytes);
  return { id, pad };
}

export function hashOfMessage({ id, pad }: LoadMessage): number {
  return hashOf(`${id} ${pad}`);
}

/** The message in a delivery; one with an empty name when it is none of ours. */
export function received(data: unknown): LoadMessage {
  if (typeof data === 'object' && data !== null && 'id' in data && 'pad' in data) {
    const { id, pad } = data;
    if (typeof id === 'string' && typeof pad === 'string') return { id, pad };
  }
  return { id: '', pad: JSON.stringify(data) ?? '' };
}
