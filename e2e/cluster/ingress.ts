import { haproxyImage, type Image, nginxImage } from '../lab/images.ts';
import type { Kubectl } from '../lab/kubectl.ts';
import { type Block, blocksOf, changed } from './page.ts';
import { RESTRICTED } from './workload.ts';

/** Proxies through which clients come into a cluster, set as docs/ingress.md says. */

const PAGE = 'ingress.md';
const USER = 101;
const PORT = 8080;
const CONFIGURATION = '/configuration';

interface Program {
  readonly image: () => Promise<Image>;
  readonly file: string;
  readonly start: string;
  readonly reload: string;
  /** What the page has that is the user's to choose: of its silence, and of its reloads. */
  readonly silence: string;
  readonly goodbye: string;
  readonly port: string;
}

const programs = {
  nginx: {
    image: nginxImage,
    file: '/etc/nginx/nginx.conf',
    start: 'nginx -g "daemon off;"',
    reload: 'nginx -s reload',
    silence: 'proxy_read_timeout 60s',
    goodbye: 'worker_shutdown_timeout 10m',
    port: 'listen 80;',
  },
  haproxy: {
    image: haproxyImage,
    file: '/etc/haproxy/haproxy.cfg',
    start: 'haproxy -W -f /etc/haproxy/haproxy.cfg',
    reload: 'kill -USR2 1',
    silence: 'timeout tunnel 60s',
    goodbye: 'hard-stop-after 10m',
    port: 'bind :80\n',
  },
} satisfies Record<string, Program>;

export type Proxy = keyof typeof programs;
export const proxies = Object.keys(programs) as readonly Proxy[];

export interface Patience {
  /** Seconds of silence after which a connection is cut. */
  readonly silence: number;
  /** Seconds for which those of before a reload stay. */
  readonly goodbye: number;
}

export interface IngressOptions<Name extends string> {
  readonly kubectl: Kubectl;
  /** That of the WsCluster `chat`. */
  readonly namespace: string;
  /** Configurations by their names; it begins with the first. */
  readonly patience: Readonly<Record<Name, Patience>>;
}

/** All of them behind one Service, of which each node has a port. */
export class Ingress<Name extends string> {
  readonly #options: IngressOptions<Name>;
  /** On any node. */
  readonly port: number;

  private constructor(options: IngressOptions<Name>, port: number) {
    this.#options = options;
    this.port = port;
  }

  static images(): Promise<Image[]> {
    return Promise.all(proxies.map((proxy) => programs[proxy].image()));
  }

  /** Resolves when they take clients. Their images are there. */
  static async start<Name extends string>(options: IngressOptions<Name>): Promise<Ingress<Name>> {
    const { kubectl, namespace } = options;
    const page = await blocksOf(PAGE);
    for (const proxy of proxies) await kubectl.apply(...(await objects(proxy, page, options)));
    const pods = proxies.map((proxy) => `pod/${proxy}`);
    const ready = ['wait', ...pods, '--for=condition=Ready', '--timeout=60s'];
    const { code, stderr } = await kubectl.attempt('-n', namespace, ...ready);
    if (code !== 0) {
      const said = proxies.map((one) => kubectl.attempt('-n', namespace, 'logs', one));
      const logs = (await Promise.all(said)).map(({ stdout }) => stdout);
      throw new Error([stderr, ...logs].join('\n'));
    }
    const port = await openPort(kubectl, { namespace, name: 'ingress', port: PORT });
    return new Ingress(options, port);
  }

  /** Another configuration, or the same again. */
  async reload(name: Name): Promise<void> {
    for (const proxy of proxies) {
      const { file, reload } = programs[proxy];
      await this.#within(proxy, `cp ${CONFIGURATION}/${name} ${file} && ${reload}`);
    }
  }

  /** Clients that have come through each of them and are there. */
  async connections(): Promise<Readonly<Record<Proxy, number>>> {
    const counts = proxies.map(async (proxy) => {
      const table = await this.#within(proxy, 'cat /proc/net/tcp /proc/net/tcp6');
      return [proxy, establishedAt(PORT, table)] as const;
    });
    return Object.fromEntries(await Promise.all(counts)) as Record<Proxy, number>;
  }

  #within(proxy: Proxy, script: string): Promise<string> {
    const { kubectl, namespace } = this.#options;
    return kubectl('-n', namespace, 'exec', proxy, '--', 'sh', '-c', script);
  }
}

/** Lines of the kernel's table: number, local address and port, remote ones, state 01. */
function establishedAt(port: number, table: string): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/));
  return rows.filter(([, from = '', , state]) => from.endsWith(local) && state === '01').length;
}

export interface PortOptions {
  readonly namespace: string;
  /** Of the Service, and the label `app` of its pods. */
  readonly name: string;
  readonly port: number;
}

/** A Service of type NodePort; resolves with its port on every node. */
export async function openPort(kubectl: Kubectl, options: PortOptions): Promise<number> {
  const { namespace, name, port } = options;
  await kubectl.apply({
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace } },
    spec: { type: 'NodePort', selector: { app: name }, ports: [{ port }] },
  });
  const path = '-o=jsonpath={.spec.ports[0].nodePort}';
  return Number(await kubectl('-n', namespace, 'get', `service/${name}`, path));
}

async function objects<Name extends string>(
  proxy: Proxy,
  page: readonly Block[],
  { namespace, patience }: IngressOptions<Name>,
): Promise<object[]> {
  const { image, file, start } = programs[proxy];
  const metadata = { name: proxy, namespace };
  const entries = Object.entries<Patience>(patience).map(([name, patient]) => [
    name,
    configured(proxy, page, { namespace, ...patient }),
  ]);
  const [first] = Object.keys(patience);
  const folder = file.slice(0, file.lastIndexOf('/'));
  const written = [folder, '/run', `/var/lib/${proxy}`, `/var/log/${proxy}`, '/tmp'];
  const mounts = written.map((mountPath, n) => ({ name: `written-${n}`, mountPath }));
  const container = {
    name: proxy,
    image: (await image()).name,
    imagePullPolicy: 'IfNotPresent',
    command: ['sh', '-c', `cp ${CONFIGURATION}/${first} ${file} && exec ${start}`],
    readinessProbe: { tcpSocket: { port: PORT }, periodSeconds: 1 },
    securityContext: { ...RESTRICTED, runAsUser: USER },
    volumeMounts: [{ name: 'configuration', mountPath: CONFIGURATION }, ...mounts],
  };
  const volumes = [
    { name: 'configuration', configMap: { name: proxy } },
    ...mounts.map(({ name }) => ({ name, emptyDir: {} })),
  ];
  const spec = { terminationGracePeriodSeconds: 1, containers: [container], volumes };
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: Object.fromEntries(entries) },
    {
      ...{ apiVersion: 'v1', kind: 'Pod', spec },
      metadata: { ...metadata, labels: { app: 'ingress' } },
    },
  ];
}

/** What the page shows, with what its reader would change changed. */
function configured(
  proxy: Proxy,
  page: readonly Block[],
  { namespace, silence, goodbye }: Patience & { namespace: string },
): string {
  const block = page.find(({ language }) => language === proxy);
  if (block === undefined) throw new Error(`${PAGE} shows nothing for ${proxy}`);
  const program = programs[proxy];
  const with60 = (text: string, seconds: number) => text.replace(/\d+[sm]$/, `${seconds}s`);
  return changed(block, [
    ['.default.svc.', `.${namespace}.svc.`],
    [program.silence, with60(program.silence, silence)],
    [program.goodbye, with60(program.goodbye, goodbye)],
    [program.port, program.port.replace('80', String(PORT))],
  ]);
}
