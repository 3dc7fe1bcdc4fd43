import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { redisBinary } from '../processes/redis-server.ts';
import { type Artefact, build, folderOf, LAB_FOLDER, type Say } from './artefacts.ts';
import { run } from './command.ts';
import { coredns, pause } from './programs.ts';

/** Images that the lab builds itself, since no registry of images is asked for any. */
export interface Image {
  /** As pods name it. */
  readonly name: string;
  /** Builds what is absent; resolves to the archive with the image. */
  archive(say: Say): Promise<string>;
}

const REGISTRY = 'lab.wscluster.io';
export const ARCHIVE = 'image.tar';
/** Certificates of authorities, where Debian has them. */
export const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';
const BUILD_MS = 20 * 60_000;

interface BuildOptions {
  /** As pods name it. */
  readonly name: string;
  /** Folder with a `Dockerfile` and what it copies. */
  readonly context: string;
  /** Archives of the images that it begins from: none is pulled. */
  readonly bases?: readonly string[];
  /** Further arguments of `buildah build`: `--target`, `--volume`. */
  readonly args?: readonly string[];
}

/** Builds an image with buildah, and writes its archive. */
export async function buildImage(options: BuildOptions, archive: string): Promise<void> {
  const { name, context, bases = [], args = [] } = options;
  await mkdir(LAB_FOLDER, { recursive: true });
  const storage = await mkdtemp(join(LAB_FOLDER, 'buildah-'));
  try {
    const registries = join(storage, 'registries.conf');
    const policy = join(storage, 'policy.json');
    await writeFile(
      registries,
      'unqualified-search-registries = []\nshort-name-mode = "disabled"\n',
    );
    await writeFile(policy, '{"default": [{"type": "insecureAcceptAnything"}]}\n');
    const buildah = (...command: string[]) =>
      isolated(storage, ['buildah', ...storageOptions(storage, registries), ...command]);
    for (const base of bases) {
      await buildah('pull', '--signature-policy', policy, `docker-archive:${base}`);
    }
    const how = ['--isolation', 'chroot', '--pull-never', '--signature-policy', policy];
    await buildah('build', ...how, ...args, '--tag', name, context);
    const target = `docker-archive:${archive}:${name}`;
    await buildah('push', '--signature-policy', policy, name, target);
  } finally {
    await rm(storage, { recursive: true, force: true });
  }
}

function storageOptions(storage: string, registries: string): string[] {
  const folders = ['--root', join(storage, 'root'), '--runroot', join(storage, 'run')];
  return [...folders, '--storage-driver', 'vfs', '--registries-conf', registries];
}

/** Mounts that end with it; its cache of what registries had is the machine's otherwise. */
async function isolated(storage: string, command: readonly string[]): Promise<void> {
  const hide = storage.startsWith('/var/lib/') ? '' : 'mount -t tmpfs tmpfs /var/lib && ';
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  await run('unshare', [...namespaces, 'sh', '-c', `${hide}exec nice "$@"`, 'sh', ...command], {
    env: { TMPDIR: storage, HOME: storage },
    deadlineMs: BUILD_MS,
  });
}

/** What holds a pod's namespaces. */
export const pauseImage = (): Image => imageOf(pause(), { programs: ['pause'], user: 65_535 });

/** The cluster's DNS server, on a port that is root's. */
export const corednsImage = (): Image => imageOf(coredns(), { programs: ['coredns'], user: 0 });

/** Programs that were built, at the root. Without a command it runs the first. */
export function imageOf(
  artefact: Artefact,
  { programs, user }: { readonly programs: readonly string[]; readonly user: number },
): Image {
  const { name, version } = artefact;
  return image({
    name: `${REGISTRY}/${name}:${version}`,
    inputs: [folderOf(artefact)],
    dockerfile: [
      'FROM scratch',
      'COPY root /',
      `USER ${user}:${user}`,
      `ENTRYPOINT ["/${programs[0]}"]`,
      '',
    ].join('\n'),
    fill: async (root, say) => {
      const folder = await build(artefact, say);
      for (const program of programs) {
        await mkdir(dirname(join(root, program)), { recursive: true });
        await copyFile(join(folder, program), join(root, program));
      }
    },
  });
}

/** This machine's Redis. */
export async function redisImage(): Promise<Image> {
  const version = /v=(\S+)/.exec(await run(redisBinary(), ['--version']))?.[1];
  if (version === undefined) throw new Error(`${redisBinary()} does not tell its version`);
  return image({
    name: `${REGISTRY}/redis:${version}`,
    inputs: [version],
    dockerfile: [
      'FROM scratch',
      'COPY root /',
      'USER 999:999',
      'WORKDIR /data',
      'EXPOSE 6379',
      'ENTRYPOINT ["/usr/bin/redis-server", "--bind", "* -::*", "--protected-mode", "no"]',
      '',
    ].join('\n'),
    fill: async (root) => {
      await copyProgram(root, redisBinary(), '/usr/bin/redis-server');
      await writeAccounts(root, 'redis:x:999:999::/data:/bin/false');
      await mkdir(join(root, 'data'), { mode: 0o777 });
      await mkdir(join(root, 'tmp'), { mode: 0o777 });
    },
  });
}

/** This machine's nginx, with a shell that puts its configuration where it looks for it. */
export const nginxImage = (): Promise<Image> =>
  ingressImage({ name: 'nginx', program: '/usr/sbin/nginx', version: '-v' });

/** This machine's HAProxy, in the same way. */
export const haproxyImage = (): Promise<Image> =>
  ingressImage({ name: 'haproxy', program: '/usr/sbin/haproxy', version: '-v' });

interface Ingress {
  readonly name: string;
  readonly program: string;
  /** The option by which it tells its version. */
  readonly version: string;
}

async function ingressImage({ name, program, version: option }: Ingress): Promise<Image> {
  // nginx tells it on its standard error.
  const said = await run('sh', ['-c', '"$1" "$2" 2>&1', 'sh', program, option]);
  const version = /\d+\.\d+\.\d+/.exec(said)?.[0];
  if (version === undefined) throw new Error(`${program} does not tell its version`);
  return image({
    name: `${REGISTRY}/${name}:${version}`,
    inputs: [said],
    dockerfile: 'FROM scratch\nCOPY root /\nENV PATH=/usr/sbin:/bin\nUSER 101:101\n',
    fill: async (root) => {
      await copyProgram(root, program, program);
      await copyBusybox(root, ['sh', 'cp', 'kill', 'cat']);
      await writeAccounts(root, `${name}:x:101:101::/:/bin/false`);
    },
  });
}

/** Stands in for the official image of Node that Dockerfiles name. */
export async function nodeImage(): Promise<Image> {
  const npm = await npmFolder();
  const { version } = JSON.parse(await readFile(join(npm, 'package.json'), 'utf8'));
  return image({
    name: `docker.io/library/node:${process.versions.node.split('.')[0]}-slim`,
    inputs: [process.version, String(version)],
    dockerfile: [
      'FROM scratch',
      'COPY root /',
      'ENV PATH=/usr/local/bin:/usr/bin:/bin',
      'CMD ["node"]',
      '',
    ].join('\n'),
    fill: (root) => fillNodeRoot(root, npm),
  });
}

async function fillNodeRoot(root: string, npm: string): Promise<void> {
  await copyProgram(root, process.execPath, '/usr/local/bin/node');
  const modules = '/usr/local/lib/node_modules';
  await cp(npm, join(root, modules, 'npm'), { recursive: true });
  await symlink(`${modules}/npm/bin/npm-cli.js`, join(root, '/usr/local/bin/npm'));
  const commands = (await run('busybox', ['--list'])).trim().split('\n');
  await copyBusybox(
    root,
    commands.filter((name) => name !== 'busybox'),
  );
  await mkdir(join(root, 'usr/bin'), { recursive: true });
  await symlink('/bin/busybox', join(root, 'usr/bin/env'));
  await writeAccounts(root, 'node:x:1000:1000::/home/node:/bin/sh');
  await mkdir(join(root, 'home/node'), { recursive: true });
  await mkdir(join(root, 'tmp'), { mode: 0o777 });
  if (!existsSync(AUTHORITIES)) return;
  await mkdir(join(root, dirname(AUTHORITIES)), { recursive: true });
  await copyFile(AUTHORITIES, join(root, AUTHORITIES));
}

/** The npm that started this, or the one that the machine has. */
async function npmFolder(): Promise<string> {
  const script = process.env['npm_execpath'];
  if (script?.endsWith('npm-cli.js') === true) return dirname(dirname(script));
  return join((await run('npm', ['root', '--global'])).trim(), 'npm');
}

interface Ingredients {
  readonly name: string;
  readonly inputs: readonly string[];
  /** Copies `root` to `/`. */
  readonly dockerfile: string;
  fill(root: string, say: Say): Promise<void>;
}

function image({ name, inputs, dockerfile, fill }: Ingredients): Image {
  const [title = '', version = ''] = (name.split('/').at(-1) ?? '').split(':');
  return {
    name,
    archive: async (say) => {
      const artefact: Artefact = {
        name: `image-${title}`,
        version,
        inputs: [name, dockerfile, ...inputs],
        make: async (folder) => {
          const context = join(folder, 'context');
          await mkdir(join(context, 'root'), { recursive: true });
          await writeFile(join(context, 'Dockerfile'), dockerfile);
          await fill(join(context, 'root'), say);
          await buildImage({ name, context }, join(folder, ARCHIVE));
          await rm(context, { recursive: true });
        },
      };
      return join(await build(artefact, say), ARCHIVE);
    },
  };
}

/** A program and the libraries that it loads, each at the path where it looks for them. */
async function copyProgram(root: string, program: string, at: string): Promise<void> {
  const linked = await run('sh', ['-c', 'ldd "$1" || true', 'sh', program]);
  const libraries = [...linked.matchAll(/(?:=> |^\s+)(\/\S+) \(/gm)].map(([, path]) => path ?? '');
  const files = [...libraries.map((path) => [path, path]), [program, at]];
  for (const [from = '', to = ''] of files) {
    await mkdir(dirname(join(root, to)), { recursive: true });
    await copyFile(from, join(root, to));
  }
}

async function copyBusybox(root: string, commands: readonly string[]): Promise<void> {
  await copyProgram(root, '/bin/busybox', '/bin/busybox');
  for (const command of commands) await symlink('busybox', join(root, 'bin', command));
}

async function writeAccounts(root: string, line: string): Promise<void> {
  const [name = '', , uid = ''] = line.split(':');
  await mkdir(join(root, 'etc'), { recursive: true });
  await writeFile(join(root, 'etc/passwd'), `root:x:0:0::/root:/bin/sh\n${line}\n`);
  await writeFile(join(root, 'etc/group'), `root:x:0:\n${name}:x:${uid}:\n`);
}
