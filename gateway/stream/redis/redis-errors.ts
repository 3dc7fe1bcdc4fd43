import { ReplyError } from 'ioredis';
import { StoreDown, StoreUnknown } from '../log.ts';
import type { Outcome } from '../stream.ts';

/** What an error from Redis says about the step that it answers. */
export type Verdict =
  /** The script is not loaded: certainly not run, and can be sent again once it is. */
  | { readonly kind: 'noscript' }
  /** Certainly not written, and why. */
  | { readonly kind: 'failed'; readonly outcome: Outcome }
  /** Not run: this server takes no writes, now or from us. */
  | { readonly kind: 'down'; readonly error: StoreDown }
  | { readonly kind: 'unknown'; readonly error: StoreUnknown };

/** Redis before 7 says where in the script first: `@user_script: 12: -OOM command not …`. */
const WRAPPED = /^.*?(@user_script: ?\d+: ?)+-?/s;
/** Answered before anything ran; another try, perhaps at another server, can succeed. */
const NOT_RUN =
  /^(READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|BUSY|MISCONF|NO(AUTH|PERM))\b/;
/** Another master is to be looked for. */
const LEFT = /\b(READONLY|UNBLOCKED|LOADING|MASTERDOWN)\b/;

export function judge(error: unknown): Verdict {
  if (error instanceof StoreDown) return { kind: 'down', error };
  if (error instanceof StoreUnknown) return { kind: 'unknown', error };
  if (!isReplyError(error)) {
    const why = error instanceof Error ? error.message : String(error);
    return unknown(`the connection to Redis broke: ${why}`, error);
  }
  const text = error.message.replace(WRAPPED, '');
  if (text.startsWith('NOSCRIPT')) return { kind: 'noscript' };
  const outcome = refusal(text);
  if (outcome !== undefined) return { kind: 'failed', outcome };
  if (NOT_RUN.test(text)) {
    return { kind: 'down', error: new StoreDown(`Redis refused: ${text}`, { cause: error }) };
  }
  return unknown(`Redis answered: ${text}`, error);
}

/** An answer of the server, as opposed to a connection that broke. */
export function isReplyError(error: unknown): error is Error {
  return error instanceof ReplyError;
}

/** The outcome of a draft that Redis refused to write; undefined when the text is no refusal. */
export function refusal(text: string): Outcome | undefined {
  if (/\bOOM\b/.test(text)) {
    return { outcome: 'failed', code: 'store_full', message: 'Redis is out of memory' };
  }
  if (/\bNOREPLICAS\b/.test(text)) {
    return { outcome: 'failed', code: 'not_replicated', message: 'Redis has too few replicas' };
  }
  if (/\bWRONGTYPE\b/.test(text)) {
    return { outcome: 'failed', code: 'internal', message: 'a key of the topic is not ours' };
  }
  return undefined;
}

/** After such an answer the connection is left, and the master is looked for again. */
export const leadsElsewhere = (error: Error): boolean => LEFT.test(error.message);

/**
 * The answer to a WAIT when its master was made a replica: the server closes behind it, and runs
 * nothing of what it was sent meanwhile. Whoever unblocks one client by hand says it otherwise.
 */
export const endsConnection = (error: Error): boolean =>
  /^UNBLOCKED\b.*\binstance state changed\b/.test(error.message);

/**
 * What was met first, without what its callers said around it, and without the arguments that a
 * server quotes of a command which it does not know: where AUTH is one, user and password.
 */
export function reasonOf(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if (error.cause instanceof Error) return reasonOf(error.cause);
  // Of a name with several addresses; it has no message of its own.
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  const at = error.message.search(/, with args beginning with/);
  return at < 0 ? error : new Error(error.message.slice(0, at));
}

/** For steps whose caller needs no outcome: why it did not run, or may have. */
export function storeError(error: unknown): StoreDown | StoreUnknown {
  if (error instanceof StoreDown || error instanceof StoreUnknown) return error;
  const verdict = judge(error);
  if (verdict.kind === 'down' || verdict.kind === 'unknown') return verdict.error;
  const why = verdict.kind === 'noscript' ? 'the script is not loaded' : verdict.outcome.outcome;
  const text = error instanceof Error ? error.message : why;
  return new StoreDown(`Redis refused: ${text}`, { cause: error });
}

function unknown(message: string, cause: unknown): Verdict {
  return { kind: 'unknown', error: new StoreUnknown(message, { cause }) };
}
