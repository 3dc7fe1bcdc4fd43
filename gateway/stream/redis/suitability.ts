/** What `INFO` says about a server, and whether it can be what the stream promises. */
export interface ServerFacts {
  /** `7.0.15`; undefined where INFO is hidden. */
  readonly version: string | undefined;
  readonly cluster: boolean;
  readonly replica: boolean;
  readonly loading: boolean;
  /** undefined where it is hidden. */
  readonly evictionPolicy: string | undefined;
  /** Replication id; undefined where it is hidden. */
  readonly lineage: string | undefined;
  /** The one before the newest promotion. */
  readonly lineageBefore: string | undefined;
}

const OLDEST: readonly number[] = [6, 2];
/** Before it, what a script writes is written in spite of `min-replicas-to-write`. */
const HEEDS_MIN_REPLICAS: readonly number[] = [6, 2, 7];

export function readFacts(info: string): ServerFacts {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  const id = (name: string) => new RegExp(`^${name}:(\\w{40})`, 'm').exec(info)?.[1];
  return {
    version: field('redis_version'),
    cluster: field('cluster_enabled') === '1' || field('redis_mode') === 'cluster',
    replica: field('role') === 'slave',
    loading: field('loading') === '1',
    evictionPolicy: field('maxmemory_policy'),
    lineage: id('master_replid'),
    lineageBefore: id('master_replid2'),
  };
}

/** Why this server can never serve, or undefined. */
export function refusalOf({ cluster, version }: ServerFacts): string | undefined {
  if (cluster) {
    return 'this is a Redis Cluster, which is not supported yet: use a single Redis or Sentinel';
  }
  if (version !== undefined && isOlder(version, OLDEST)) {
    return `Redis ${version} is too old: at least ${OLDEST.join('.')} is needed`;
  }
  return undefined;
}

function isOlder(version: string, than: readonly number[]): boolean {
  const parts = version.split('.').map(Number);
  const at = than.findIndex((wanted, index) => wanted !== (parts[index] ?? 0));
  return at !== -1 && (parts[at] ?? 0) < (than[at] ?? 0);
}

/** What about the server endangers the promises, in words. Hidden facts are a warning only. */
export function shortcomings(facts: ServerFacts): string[] {
  const found: string[] = [];
  const { version, evictionPolicy, lineage } = facts;
  if (version !== undefined && isOlder(version, HEEDS_MIN_REPLICAS)) {
    const since = HEEDS_MIN_REPLICAS.join('.');
    found.push(`Redis ${version} ignores min-replicas-to-write in scripts: use ${since} or later`);
  }
  if (evictionPolicy === undefined) {
    found.push('INFO memory is hidden: make sure that maxmemory-policy is noeviction');
  } else if (evictionPolicy !== 'noeviction') {
    found.push(`maxmemory-policy is ${evictionPolicy}: Redis may drop messages; use noeviction`);
  }
  if (lineage === undefined) {
    found.push(
      'INFO replication is hidden: what a failover loses is told to subscribers only as far as a ' +
        'count of writes shows it (best effort)',
    );
  }
  return found;
}
