import { createHmac } from 'node:crypto';
import { ProtocolSubscriber } from './socket-subscriber.ts';
import type { SubscriberOptions } from './subscriber.ts';

const SECRET = Buffer.alloc(32, 7);
const LIFE_S = 3_600;

/** The JWK Set with which gateways verify the tokens of `tokenFor`. */
export const tokenKeys = JSON.stringify({
  keys: [{ kty: 'oct', k: SECRET.toString('base64url') }],
});

/** A token of an identity that may subscribe to these topics. */
export function tokenFor(identity: string, topics: readonly string[]): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1_000) + LIFE_S;
  const claims = { sub: identity, exp, wsc: { sub: topics } };
  const head = `${part({ alg: 'HS256' })}.${part(claims)}`;
  return `${head}.${createHmac('sha256', SECRET).update(head).digest('base64url')}`;
}

/** Comes with a token, and takes it that a topic is not granted. */
export class TokenSubscriber extends ProtocolSubscriber {
  /** The next connection brings it. */
  token: string;
  /** Topics that were not granted, and why. It has given them up. */
  readonly refusals = new Map<string, string>();

  constructor(options: SubscriberOptions, token: string) {
    super(options);
    this.token = token;
  }

  protected override credentials(): object {
    return { token: this.token };
  }

  protected override refused(topic: string, error: string): void {
    this.refusals.set(topic, error);
    this.topics = this.topics.filter((one) => one !== topic);
    this.ended(topic);
  }
}
