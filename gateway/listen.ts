import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';

export interface Place {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** The option that chooses another port, without its dashes. */
  readonly option: 'port' | 'admin-port';
}

/** The address cannot be listened on; the message says what to do. */
export class PortTaken extends Error {
  override readonly name = 'PortTaken';
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use',
  EACCES: 'may not be used by this user',
  EADDRNOTAVAIL: 'is not an address of this machine',
  ENOTFOUND: 'is not a known host',
};

/** Listens, and returns the port. Rejects with `PortTaken`. */
export async function listen(app: FastifyInstance, place: Place): Promise<number> {
  const { host, port, option } = place;
  try {
    await app.listen({ host, port });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const reason = reasons[code];
    if (reason === undefined) throw error;
    const variable = `WSCLUSTER_${option.toUpperCase().replace('-', '_')}`;
    const other =
      code === 'EADDRINUSE' || code === 'EACCES' ? option : option.replace('port', 'host');
    const choice = other === option ? `--${option} N or ${variable}` : `--${other} ADDRESS`;
    throw new PortTaken(`port ${port} on ${host} ${reason}: choose another with ${choice}`, {
      cause: error,
    });
  }
  return (app.server.address() as AddressInfo).port;
}
