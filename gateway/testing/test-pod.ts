import assert from 'node:assert/strict';
import type { Gateway } from '../gateway.ts';

/** A gateway that a test started, and what is asked of it over HTTP. */
export class TestPod {
  readonly gateway: Gateway;

  constructor(gateway: Gateway) {
    this.gateway = gateway;
  }

  get port(): number {
    return this.gateway.address?.port ?? assert.fail('not started');
  }

  /** The body of an answer; what is not of the HTTP API is asked of the admin port. */
  async get(path: string): Promise<string> {
    const port = path.startsWith('/v1/') ? this.port : this.gateway.address?.adminPort;
    return (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  }

  /** The first series that begins like this; NaN: there is none. */
  async counter(series: string): Promise<number> {
    const line = (await this.get('/metrics')).split('\n').find((text) => text.startsWith(series));
    return Number(line?.split(' ').at(-1) ?? Number.NaN);
  }
}
