import { closeCodes } from '../../protocol/codes.ts';
import type { Hello } from '../../protocol/commands.ts';
import { compareVersions, type RingVersion, shardOf } from '../../protocol/ring.ts';
import { topicProblem } from '../../protocol/topic.ts';
import type { Connection } from './connection.ts';
import type { EdgeContext } from './context.ts';
import type { Authentication, Identity } from './identity.ts';
import { MOMENT_MS, Movable, STAY_MS, type Stay, type StayUntil } from './movable.ts';
import { pauses } from './pauses.ts';
import { isPlacedBySession, type Placed, shardOfClient } from './placement.ts';
import type { PlainHello, QueryProblem } from './plain-hello.ts';
import { Session } from './session.ts';
import { refusals, subscribeOne, UNASKED } from './subscribing.ts';

/** The store is asked for a session again after this, until the hello deadline. */
const RETRY_MS = 200;
/** By a clock that knows no stalls, a hello may take so many hello deadlines, and a second. */
const PATIENCE = 1.5;
/** What is known of times is known in whole seconds. */
const SECOND_MS = 1_000;
const FORGOTTEN = 'session: its identity has too many; the cursors of this one are kept no more';
const SESSION_LENGTH = 22;
/** Names that are tried until one belongs here: nearly always found among 20 gateways. */
const HOME_TRIES = 64;
/** The feature of clients whose cursors move by `ack` alone. */
const ACK = 'ack';
/** The feature of clients that can go on elsewhere without a break. */
const MOVE = 'move';
const SESSION_LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-';

/**
 * What begins a connection: a `hello`, or what a plain client put into the URL. One path for
 * both: who is it, which session, then `welcome`.
 */
interface Opening {
  readonly id: number | undefined;
  /** What the client calls itself; for the log only. */
  readonly client: string | undefined;
  readonly session: string | undefined;
  readonly acks: boolean;
  /** Undefined: it cannot be moved. */
  readonly move: Moved | undefined;
  readonly topics: readonly string[];
  readonly problems: readonly QueryProblem[];
}

/** What a client that can be moved said of the move that brought it here. */
interface Moved {
  readonly token: string | undefined;
}

/** The first command of a client. */
export function greet(connection: Connection, context: EdgeContext, hello: Hello): void {
  if (connection.greeted) {
    connection.inbox.refuse('bad_request', 'hello was said already', hello.id);
    return;
  }
  if (isForgotten(connection.heartbeat.sentAfter, context)) {
    connection.close(closeCodes.helloTimeout);
    return;
  }
  connection.token ??= hello.token;
  begin(connection, context, {
    id: hello.id,
    client: hello.client,
    session: hello.session,
    acks: hello.features?.includes(ACK) === true,
    move: hello.features?.includes(MOVE) ? { token: hello.move } : undefined,
    topics: [],
    problems: [],
  });
}

/**
 * Whether its client has surely gone elsewhere meanwhile, as where this process stood still: its
 * session is then in use there, and must not be taken back.
 */
export function isForgotten(sentAfter: number, { stream, settings }: EdgeContext): boolean {
  return stream.now() - sentAfter > PATIENCE * settings.helloTimeoutMs + SECOND_MS;
}

/** A plain client: its URL says what `hello` and `sub` would have said. */
export function greetPlain(connection: Connection, context: EdgeContext, plain: PlainHello): void {
  const unsaid = { id: undefined, client: undefined, acks: false, move: undefined };
  begin(connection, context, { ...unsaid, ...plain });
}

/** Commands that come meanwhile wait. The hello deadline bounds everything here. */
function begin(connection: Connection, context: EdgeContext, opening: Opening): void {
  connection.greeted = true;
  connection.inbox.charge(opening.topics.length);
  const { token } = connection;
  connection.token = undefined;
  if (token === undefined) {
    const answer = context.authenticator.anonymous({ loopback: connection.loopback });
    identified(connection, context, { opening, answer });
    return;
  }
  connection.inbox.pause(pauses.busy);
  context.authenticator
    .token(token)
    .then((answer) => identified(connection, context, { opening, answer }))
    .catch((error: unknown) => connection.broke(error));
}

const closeOf = {
  unauthenticated: closeCodes.unauthenticated,
  token_expired: closeCodes.tokenExpired,
  // Nobody can tell whether the token is right, so nobody is told that it is wrong.
  keys_unavailable: closeCodes.tryLater,
} as const;

function identified(
  connection: Connection,
  context: EdgeContext,
  { opening, answer }: { readonly opening: Opening; readonly answer: Authentication },
): void {
  if (connection.state !== 'opening') return;
  if (!answer.ok) {
    const { detail, code } = answer;
    context.logger.debug({ connection: connection.id, detail, code }, 'a client was refused');
    connection.close(closeOf[answer.code]);
    return;
  }
  const { identity } = answer;
  const { session } = opening;
  if (session === undefined || !mayName(connection, context, identity)) {
    opened(connection, context, { opening, identity, session: undefined });
    return;
  }
  connection.inbox.pause(pauses.busy);
  openSession(connection, context, { opening, identity, name: session });
}

/**
 * Nobody may take the session of somebody else who is anonymous too. Who connects from this machine
 * is one user only as long as nobody else is let in: behind a proxy everybody comes from here.
 */
function mayName({ loopback }: Connection, context: EdgeContext, identity: Identity): boolean {
  return identity.name !== '' || (loopback && !context.authenticator.configured);
}

interface Wanted {
  readonly opening: Opening;
  readonly identity: Identity;
  readonly name: string;
}

function openSession(connection: Connection, context: EdgeContext, wanted: Wanted): void {
  const { opening, identity, name } = wanted;
  const key = { identity: identity.name, session: name };
  context.sessions
    .open(key)
    .then(
      ({ generation, cursors, forgotten = 0 }) => {
        if (forgotten > 0) context.counts.sessionsForgotten(forgotten);
        const parts = {
          owner: connection,
          store: context.sessions,
          counts: context.counts,
          onForgotten: () => connection.fail('too_many_sessions', FORGOTTEN),
          markerMs: context.settings.markerMs,
          topics: context.settings.sessionTopics,
          refreshS: context.retentionMs / 4_000,
        };
        const open = { key, generation, cursors, acks: opening.acks };
        opened(connection, context, { opening, identity, session: new Session(parts, open) });
      },
      () => {
        if (connection.state !== 'opening') return;
        context.clock.after(RETRY_MS, () => {
          if (connection.state === 'opening') openSession(connection, context, wanted);
        });
      },
    )
    .catch((error: unknown) => connection.broke(error));
}

interface Opened {
  readonly opening: Opening;
  readonly identity: Identity;
  readonly session: Session | undefined;
}

function opened(connection: Connection, context: EdgeContext, result: Opened): void {
  const { opening, identity, session } = result;
  if (connection.state !== 'opening') return;
  connection.open(identity, session);
  // The session may have been taken again while it was opened.
  if (!connection.alive) return;
  const { client } = opening;
  const fields = { connection: connection.id, client, identity: identity.name };
  context.logger.debug(fields, 'a client was welcomed');
  connection.sessionName = connection.plain
    ? (session?.key.session ?? '')
    : settleIn(connection, context, result);
  if (!connection.plain) {
    connection.say({
      type: 'welcome',
      ...(opening.id === undefined ? {} : { id: opening.id }),
      session: connection.sessionName,
      ...(identity.name === '' ? {} : { identity: identity.name }),
      heartbeat: context.settings.heartbeatMs,
      limits: { frameBytes: context.settings.frameBytes, topics: context.settings.maxTopics },
      features: featuresOf(connection, result),
      pod: context.pod,
    });
  }
  if (connection.move === undefined) settleForNow(connection, context, result);
  context.keys.delete(connection);
  context.staying.delete(connection);
  connection.tellStale(context.stale);
  if (connection.plain && opening.session !== undefined && session === undefined) {
    connection.fail(
      'forbidden',
      'session: an anonymous client may not name one; no cursors are kept',
    );
  }
  for (const { code, message } of opening.problems) connection.fail(code, message);
  for (const topic of opening.topics) subscribePlain(connection, context, topic);
  connection.inbox.resume(pauses.busy);
  context.welcomed(connection);
  closeOldest(context, identity);
}

/** The newest ones stay: what a device left behind is the oldest, and nobody's who comes back. */
function closeOldest({ users, settings, logger }: EdgeContext, { name }: Identity): void {
  const { userConnections: most } = settings;
  if (most === 0 || name === '') return;
  for (const oldest of users.beyond(name, most)) {
    logger.debug(
      { identity: name, session: oldest.sessionName },
      'a user has too many connections',
    );
    oldest.leave(closeCodes.tooManyConnections);
  }
}

function featuresOf({ move }: Connection, { opening, session }: Opened): string[] {
  // Where no cursors are kept there is nothing to ack.
  const acks = session !== undefined && opening.acks;
  return [...(acks ? [ACK] : []), ...(move === undefined ? [] : [MOVE])];
}

/** The name of its session; and who can be moved is known by it, and by where it belongs. */
function settleIn(connection: Connection, context: EdgeContext, result: Opened): string {
  const { opening, identity, session } = result;
  const { placement, moveTokens } = context;
  const request = context.keys.get(connection);
  const named = session?.key.session;
  if (opening.move === undefined || moveTokens === undefined) return named ?? newSession(context);
  const { token } = opening.move;
  const came = token === undefined ? undefined : moveTokens.check(token, identity.name);
  if (came !== undefined) context.counts.moveToken(came.outcome);
  const going = came?.outcome === 'ok' ? came : undefined;
  const known = named ?? going?.session;
  const client = { request, identity };
  const name = known ?? sessionAtHome(context, client);
  const shard = shardOfClient(placement.key, { ...client, session: name });
  // A name that was made here is at home here, or its client would be sent about for nothing.
  const made = known === undefined && isPlacedBySession(placement.key, client);
  const stay = made ? 'for_a_while' : stayOfSent(going, context);
  const asked = context.staying.get(connection) ?? stay;
  connection.move = new Movable(shard, stayOf(asked, context), request);
  return name;
}

/** `sent`: by a move, and by which ring. */
function stayOfSent(
  sent: { readonly ring: RingVersion | undefined } | undefined,
  { placement }: EdgeContext,
): Stay {
  if (sent === undefined) return 'until_owner';
  const [theirs, ours] = [sent.ring, placement.ring];
  const isOver = theirs !== undefined && ours !== undefined && compareVersions(ours, theirs) > 0;
  return isOver ? 'for_a_moment' : 'for_a_while';
}

function stayOf(stay: Stay, { placement, clock }: EdgeContext): StayUntil | undefined {
  const { version } = placement;
  if (stay === 'until_owner') return undefined;
  if (stay === 'until_ring') return { version, until: Number.POSITIVE_INFINITY };
  const stayMs = stay === 'for_a_moment' ? MOMENT_MS : STAY_MS;
  return { version, until: clock.now() + stayMs };
}

/**
 * Who cannot be moved stays where it came until the ring changes, or until its owner can be had to
 * which it could not be passed on. Where whoever comes back is passed on, it is then closed so that
 * it does.
 */
function settleForNow(connection: Connection, context: EdgeContext, result: Opened): void {
  const { placement, keys, places, staying } = context;
  const { identity, session } = result;
  if (!placement.proxies) return;
  const client = { request: keys.get(connection), identity };
  // Without a key and a name of its own it is at home wherever it is.
  if (session === undefined && isPlacedBySession(placement.key, client)) return;
  const name = session?.key.session ?? '';
  const shard = shardOfClient(placement.key, { ...client, session: name });
  const stay = stayOf(staying.get(connection) ?? 'until_ring', context);
  places.set(connection, new Movable(shard, stay));
}

function subscribePlain(connection: Connection, context: EdgeContext, topic: string): void {
  const problem = topicProblem(topic);
  if (problem !== undefined) {
    connection.fail('bad_topic', problem);
    return;
  }
  const error = subscribeOne(connection, context, { request: { topic }, id: UNASKED });
  if (error !== undefined) connection.fail(error, refusals[error], { topic });
}

/** A new name; of a client that is placed by it, one that belongs here, if that is soon found. */
function sessionAtHome(context: EdgeContext, client: Omit<Placed, 'session'>): string {
  const { placement } = context;
  let name = newSession(context);
  if (!isPlacedBySession(placement.key, client)) return name;
  for (let tries = 1; tries < HOME_TRIES; tries += 1) {
    if (placement.isHere(shardOf(name))) break;
    name = newSession(context);
  }
  return name;
}

function newSession({ random }: EdgeContext): string {
  let name = '';
  while (name.length < SESSION_LENGTH) {
    name += SESSION_LETTERS[Math.floor(random() * SESSION_LETTERS.length)];
  }
  return name;
}
