import { createPrivateKey, X509Certificate } from 'node:crypto';
import { type Issued, issue } from './x509.ts';

/** What the metrics API serves with, and by whom it may be known; as one Secret holds it. PEM. */
export interface Certificates {
  /** Those that are to be trusted, the newest first. */
  readonly authorities: readonly string[];
  /** Of the newest. */
  readonly authorityKey: string;
  readonly certificate: string;
  readonly key: string;
}

export interface Renewal {
  /** DNS names by which it is called. */
  readonly names: readonly string[];
  /** Milliseconds since 1970. */
  readonly wallMs: number;
}

const DAY_MS = 86_400_000;
const LIFE_MS = { authority: 730 * DAY_MS, server: 90 * DAY_MS };
/** Clocks differ. */
const BEFORE_MS = 3_600_000;
/** What has less of its life left is replaced. */
const LEFT = 1 / 3;
/** All that is known of it by the API server is what was said so long ago. */
const SETTLED_MS = 600_000;

/**
 * What is to be held from now on; the same object while nothing is due. One step at a time, each
 * after the last has reached everybody: a new authority is trusted first, then signs what serves,
 * and only then the old one goes. What cannot be used is made anew as a whole.
 */
export function renewed(held: Certificates | undefined, renewal: Renewal): Certificates {
  const read = held === undefined ? undefined : parsed(held);
  if (held === undefined || read === undefined) return fresh(renewal);
  const { wallMs, names } = renewal;
  const [newest] = read.authorities;
  if (isOver(newest, wallMs)) return fresh(renewal);
  if (isOld(newest, wallMs)) return withNewAuthority(held, renewal);
  const signer = read.authorities.find((one) => isIssuedBy(read.certificate, one));
  const settled = wallMs - since(newest) >= SETTLED_MS;
  const wrong = signer === undefined || !names.every((name) => read.certificate.checkHost(name));
  const due = wrong || isOld(read.certificate, wallMs) || signer !== newest;
  if (due && (settled || wrong)) return { ...held, ...served(held, renewal) };
  const kept = held.authorities.filter((_, place) => {
    const one = read.authorities[place];
    if (one === newest || one === undefined) return one !== undefined;
    const replaced = one !== signer && wallMs - since(read.certificate) >= SETTLED_MS;
    return !isOver(one, wallMs) && !(replaced && signer === newest);
  });
  return kept.length === held.authorities.length ? held : { ...held, authorities: kept };
}

interface Parsed {
  readonly authorities: readonly [X509Certificate, ...X509Certificate[]];
  readonly certificate: X509Certificate;
}

/** Undefined when it is of no use. */
function parsed({ authorities, authorityKey, certificate, key }: Certificates): Parsed | undefined {
  try {
    const [newest, ...others] = authorities.map((one) => new X509Certificate(one));
    const serving = new X509Certificate(certificate);
    if (newest?.checkPrivateKey(createPrivateKey(authorityKey)) !== true) return undefined;
    if (!serving.checkPrivateKey(createPrivateKey(key))) return undefined;
    return { authorities: [newest, ...others], certificate: serving };
  } catch {
    // OpenSSL’s words for that would say nothing to anybody.
    return undefined;
  }
}

function fresh(renewal: Renewal): Certificates {
  const authority = newAuthority(renewal);
  const held = {
    ...{ authorities: [authority.certificate], authorityKey: authority.key },
    ...{ certificate: '', key: '' },
  };
  return { ...held, ...served(held, renewal) };
}

function withNewAuthority(held: Certificates, renewal: Renewal): Certificates {
  const { certificate, key } = newAuthority(renewal);
  return { ...held, authorities: [certificate, ...held.authorities], authorityKey: key };
}

/** Each has a name of its own: verifiers look for authorities by name. */
const newAuthority = ({ wallMs }: Renewal): Issued =>
  issue({
    commonName: `wscluster-metrics-ca@${Math.floor(wallMs / 1_000)}`,
    ...{ names: [], from: wallMs - BEFORE_MS, until: wallMs + LIFE_MS.authority },
  });

function served({ authorities, authorityKey }: Certificates, { names, wallMs }: Renewal): Issued {
  return issue(
    {
      ...{ commonName: names[0] ?? 'wscluster-metrics', names },
      ...{ from: wallMs - BEFORE_MS, until: wallMs + LIFE_MS.server },
    },
    { certificate: authorities[0] ?? '', key: authorityKey },
  );
}

const since = (one: X509Certificate): number => one.validFromDate.getTime() + BEFORE_MS;

const isOver = (one: X509Certificate, wallMs: number): boolean =>
  one.validToDate.getTime() <= wallMs;

function isOld(one: X509Certificate, wallMs: number): boolean {
  const until = one.validToDate.getTime();
  return until - wallMs < (until - since(one)) * LEFT;
}

const isIssuedBy = (one: X509Certificate, authority: X509Certificate): boolean =>
  one.checkIssued(authority) && one.verify(authority.publicKey);
