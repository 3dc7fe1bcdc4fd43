import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import {
  bits,
  explicit,
  implicit,
  integer,
  isTrue,
  objectId,
  octets,
  sequence,
  set,
  time,
  utf8,
} from './der.ts';

/**
 * Certificates of one form: X.509 v3, P-256, ECDSA with SHA-256. node:crypto reads them and issues
 * none; packages that do bring a dozen others, for what is a hundred lines here.
 */

/** PEM; the key as PKCS #8. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

export interface Request {
  readonly commonName: string;
  /** DNS names of what serves; none: it is an authority. */
  readonly names: readonly string[];
  /** What it is for. Default: `server`. */
  readonly usage?: 'server' | 'client';
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
}

const OIDS = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  subjectKey: '2.5.29.14',
  keyUsage: '2.5.29.15',
  alternativeNames: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKey: '2.5.29.35',
  extendedUsage: '2.5.29.37',
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
} as const;

const ALGORITHM = sequence(objectId(OIDS.ecdsaWithSha256));
/** Certificates are signed, and lists of revoked ones; of keys that serve: handshakes are. */
const USAGE = { authority: bits(Uint8Array.of(0x06), 1), server: bits(Uint8Array.of(0x80), 7) };
const SERIAL_BYTES = 16;

/** With a new key. `authority`: who signs it; without one it signs itself. */
export function issue(request: Request, authority?: Issued): Issued {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = authority === undefined ? privateKey : createPrivateKey(authority.key);
  const serial = randomBytes(SERIAL_BYTES);
  // Positive, and as long as it looks.
  serial[0] = 0x40 + ((serial[0] ?? 0) % 0x40);
  const content = sequence(
    explicit(0, integer(Uint8Array.of(2))),
    integer(serial),
    ALGORITHM,
    name(authority === undefined ? request.commonName : commonNameOf(authority.certificate)),
    sequence(time(request.from), time(request.until)),
    name(request.commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...extensions(request, publicKey, createPublicKey(signer)))),
  );
  const certificate = sequence(content, ALGORITHM, bits(sign('sha256', content, signer)));
  return {
    certificate: pem(certificate),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** The last of its subject; ours have nothing else in it. */
function commonNameOf(certificate: string): string {
  const { subject } = new X509Certificate(certificate);
  return /^CN=(.*)$/m.exec(subject)?.[1] ?? '';
}

const name = (text: string) => sequence(set(sequence(objectId(OIDS.commonName), utf8(text))));

function extensions(
  { names, usage = 'server' }: Request,
  subject: KeyObject,
  authority: KeyObject,
): Buffer[] {
  const isAuthority = names.length === 0;
  return [
    critical(OIDS.basicConstraints, sequence(...(isAuthority ? [isTrue] : []))),
    critical(OIDS.keyUsage, isAuthority ? USAGE.authority : USAGE.server),
    extension(OIDS.subjectKey, octets(keyId(subject))),
    extension(OIDS.authorityKey, sequence(implicit(0, keyId(authority)))),
    ...(isAuthority
      ? []
      : [
          extension(OIDS.extendedUsage, sequence(objectId(OIDS[usage]))),
          extension(
            OIDS.alternativeNames,
            sequence(...names.map((one) => implicit(2, Buffer.from(one, 'latin1')))),
          ),
        ]),
  ];
}

const extension = (oid: string, value: Buffer) => sequence(objectId(oid), octets(value));
const critical = (oid: string, value: Buffer) => sequence(objectId(oid), isTrue, octets(value));

/** By which a verifier finds the authority among several. */
const keyId = (key: KeyObject): Buffer =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20);

function pem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
