import { type Member, membersProblem, type Ring, ringLimits } from '../../protocol/ring.ts';
import {
  type BoardTime,
  GONE_HEARTBEATS,
  MOST_GONE_HEARTBEATS,
  type PodBeat,
  type PodFacts,
  silenceOf,
} from './pod-board.ts';

/** What the writer of the ring sees. */
export interface Sight {
  readonly time: BoardTime;
  readonly beats: ReadonlyMap<string, PodBeat>;
  readonly facts: ReadonlyMap<string, PodFacts>;
  /** The ring in force. */
  readonly ring: Ring | undefined;
  /** The writer's own, ms: what a member is judged by that the board does not know. */
  readonly intervalMs: number;
}

/**
 * Who belongs into the next ring, in no order. Every writer that sees the same decides the same.
 *
 * - Who asks to own nothing, or left, is out at once.
 * - A member is out when it was silent for more than `GONE_HEARTBEATS` of its heartbeats while
 *   others were heard. When more than half of the members are, that is rather the way to the store,
 *   which a failover gives back to one sooner than to another: then it takes
 *   `MOST_GONE_HEARTBEATS`, or the first who is back would move everything to itself.
 * - Who is not a member comes in when it has been up for one heartbeat, and for twice as long after
 *   each time that it fell: was gone, left, or changed its mind about leaving. That is the rule of
 *   containers that crash in a loop. What a pod fell is forgotten when it has been up for
 *   `FORGIVE_HEARTBEATS`.
 *
 * So a pod that flaps moves its share in and out less and less: within t heartbeats, t up to 512,
 * it comes in at most log2(t) + 1 times, then at most once in 256 heartbeats, and never again once
 * it stays up for less time than it must wait. The first ring is made when somebody has been up
 * for two heartbeats: who begins together is in it together, and hands nothing over a moment later.
 * A ring has room for `ringLimits.members`; those beyond serve without owning anything.
 */
export function membersOf(sight: Sight): Member[] {
  const { ring, facts } = sight;
  if (ring === undefined && !isFormed(sight)) return [];
  const before = ring?.members ?? [];
  const known = new Set(before.map(({ id }) => id));
  const patience = mostAreSilent(sight) ? MOST_GONE_HEARTBEATS : GONE_HEARTBEATS;
  const staying = before
    .filter(({ id }) => isHere(id, sight) && !isSilent(id, sight, patience))
    .map((member) => memberOf(member.id, facts) ?? member);
  const coming = [...facts.keys()]
    .filter((id) => !known.has(id) && comesIn(id, sight))
    .sort()
    .flatMap((id) => memberOf(id, facts) ?? []);
  return [...staying, ...coming].slice(0, ringLimits.members);
}

/** Undefined also when a pod of another version says what a ring cannot hold. */
function memberOf(id: string, facts: Sight['facts']): Member | undefined {
  const known = facts.get(id);
  if (known === undefined) return undefined;
  const { weight, zone, address } = known;
  const member = { id, weight, zone, address };
  return membersProblem([member]) === undefined ? member : undefined;
}

/** Also true of a member that the board does not know; then its silence decides. */
const isHere = (id: string, { beats }: Sight): boolean =>
  (beats.get(id)?.state ?? 'here') === 'here';

function isSilent(id: string, { beats, time, intervalMs }: Sight, heartbeats: number): boolean {
  const beat = beats.get(id);
  return silenceOf(beat, time) > heartbeats * (beat?.intervalMs ?? intervalMs);
}

function mostAreSilent(sight: Sight): boolean {
  const here = (sight.ring?.members ?? []).filter(({ id }) => isHere(id, sight));
  const silent = here.filter(({ id }) => isSilent(id, sight, GONE_HEARTBEATS));
  return silent.length * 2 > here.length;
}

const isFormed = ({ beats }: Sight): boolean => [...beats.values()].some((beat) => isUp(beat, 2));

/** What counts is how long its beats prove it up; half a heartbeat is left to their timers. */
const isUp = ({ at, upSince, intervalMs }: PodBeat, heartbeats: number): boolean =>
  at - upSince >= intervalMs * (heartbeats - 1 / 2);

function comesIn(id: string, { beats, time }: Sight): boolean {
  const beat = beats.get(id);
  if (beat?.state !== 'here') return false;
  // Its own age: what was silent before a pause may be silent for good.
  const age = time.now - beat.at;
  if (age < 0 || age > GONE_HEARTBEATS * beat.intervalMs) return false;
  return isUp(beat, 2 ** beat.falls);
}
