import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../lab/command.ts';

/** What labs could leave on a host, of each kind: what it is, and what more there is to say. */
export type Traces = Readonly<Record<string, ReadonlyMap<string, string>>>;

/** Folders where the programs of a node write by default, and how deep one looks. */
const FOLDERS = ['/run', '/var/lib', '/var/log', '/opt', '/etc', '/usr/libexec'];
const DEPTH = 2;
/** Kubelets and kube-proxies set these. */
const SETTINGS = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'net/ipv4/ip_forward',
  'net/netfilter/nf_conntrack_max',
];

export async function tracesOfLabs(): Promise<Traces> {
  const lines = async (...command: [string, ...string[]]) => {
    const [program, ...args] = command;
    return asTraces((await run(program, args)).trim().split('\n').filter(Boolean));
  };
  return {
    'network namespaces': await lines('ip', 'netns', 'list'),
    'network devices': await lines('sh', '-c', "ip -o link | cut -d' ' -f2"),
    routes: await lines('ip', '-4', 'route', 'show', 'table', 'all'),
    // Without counters and times.
    'packet filter rules': await lines('sh', '-c', "iptables-save | sed '/^#/d; s/\\[.*\\]//'"),
    mounts: asTraces(readFileSync('/proc/self/mounts', 'utf8').trim().split('\n')),
    cgroups: await lines('find', '/sys/fs/cgroup', '-type', 'd', '-name', 'wscluster-lab*'),
    'process namespaces': namespaces(),
    files: asTraces(FOLDERS.flatMap((folder) => treeOf(folder, DEPTH))),
    settings: asTraces(SETTINGS.map((name) => `${name} ${contentOf(join('/proc/sys', name))}`)),
  };
}

const asTraces = (lines: readonly string[]) => new Map(lines.map((line) => [line, '']));

/** What is in `after` and was not in `before`, or the other way round. */
export function changes(before: Traces, after: Traces): string[] {
  const none: ReadonlyMap<string, string> = new Map();
  return Object.entries(after).flatMap(([kind, now]) => {
    const old = before[kind] ?? none;
    return [
      ...missing(now, old).map((line) => `+ ${kind}: ${line}`),
      ...missing(old, now).map((line) => `- ${kind}: ${line}`),
    ];
  });
}

const missing = (of: ReadonlyMap<string, string>, from: ReadonlyMap<string, string>): string[] =>
  [...of].filter(([line]) => !from.has(line)).map(([line, more]) => `${line} ${more}`);

/** Whoever does not live in ours; a dead process that nobody waited for has no command. */
function namespaces(): Map<string, string> {
  const found = new Map<string, string>();
  const ours = readlinkSync('/proc/self/ns/pid');
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const namespace = readlinkSync(`/proc/${pid}/ns/pid`);
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      if (namespace !== ours && command !== '') found.set(namespace, command.slice(0, 60));
    } catch {
      // It ended meanwhile, or is not ours to look at.
    }
  }
  return found;
}

function treeOf(folder: string, depth: number): string[] {
  if (depth === 0) return [folder];
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? treeOf(path, depth - 1) : [path];
    });
  } catch {
    // It is not there, or is gone: it has nothing in it.
    return [];
  }
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return 'absent';
  }
}
