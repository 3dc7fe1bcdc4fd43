import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { join } from 'node:path';

const ANSWER_MS = 5_000;
const BODY_BYTES = 16 * 1024 * 1024;

/** Asks the control plane as its administrator: what waits for the cluster polls it. */
export class ApiServer {
  readonly #address: string;
  readonly #agent: Agent;

  private constructor(address: string, agent: Agent) {
    this.#address = address;
    this.#agent = agent;
  }

  static async connect(address: string, certificates: string): Promise<ApiServer> {
    const read = (name: string) => readFile(join(certificates, name));
    const [ca, cert, key] = [
      await read('ca.crt'),
      await read('admin.crt'),
      await read('admin.key'),
    ];
    return new ApiServer(address, new Agent({ ca, cert, key }));
  }

  /** Whether a component of the control plane says that it is ready. */
  async isReady(port: number, path: string): Promise<boolean> {
    try {
      const { status } = await this.#get(port, path);
      return status === 200;
    } catch {
      // It is not there yet, or not any more.
      return false;
    }
  }

  /** What the API server answers; undefined when it does not, or not with success. */
  async read(path: string): Promise<unknown> {
    try {
      const { status, body } = await this.#get(6443, path);
      return status === 200 ? JSON.parse(body) : undefined;
    } catch {
      return undefined;
    }
  }

  #get(port: number, path: string): Promise<{ status: number | undefined; body: string }> {
    return new Promise((resolve, reject) => {
      const sent = request({ host: this.#address, port, path, agent: this.#agent });
      sent.setTimeout(ANSWER_MS, () => sent.destroy(new Error('no answer')));
      sent.on('error', reject);
      sent.on('response', (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          body += text;
          if (body.length > BODY_BYTES) sent.destroy(new Error(`more than ${BODY_BYTES} bytes`));
        });
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode, body }));
      });
      sent.end();
    });
  }
}
