import { byName, type GatewayView, statusOf } from './gateways.ts';
import { type Finding, finding, type Situation } from './situation.ts';

/** Of a version, what decides who works with whom. */
interface Release {
  readonly major: number;
  readonly minor: number;
}

/**
 * Whether this operator and the gateways are meant for each other: it looks after those of its own
 * minor version and of the one before, whatever their patch; and gateways of one revision are of
 * one version.
 */
export function versionSkew({ gateways, version }: Situation): Finding {
  const staying = gateways.filter(({ phase }) => phase === 'running').toSorted(byName);
  const told = versionsOf(staying);
  const own = releaseOf(version);
  if (told.length === 0 || own === undefined) {
    return finding('VersionSkew', 'Unknown', ['NotTold', 'no gateway says its version']);
  }
  const newer = told.filter((one) => stepsAhead(one, own) > 0);
  if (newer.length > 0) {
    return finding('VersionSkew', 'True', [
      'OperatorOlder',
      `gateways have version ${newer.join(' and ')}, which this operator, ${version}, does not ` +
        'know: upgrade the operator, or set spec.image to one of its version',
    ]);
  }
  const older = told.filter((one) => stepsAhead(one, own) < -1);
  if (older.length > 0) {
    return finding('VersionSkew', 'True', [
      'GatewaysTooOld',
      `gateways have version ${older.join(' and ')}, and this operator, ${version}, is meant for ` +
        'those of its own minor version and of the one before: set spec.image to one of these, ' +
        'or, where it is not set, restart the gateways (kubectl wscluster restart)',
    ]);
  }
  return severalOf(staying) ?? finding('VersionSkew', 'False', SUPPORTED);
}

const SUPPORTED = ['Supported', 'gateways have versions that this operator is meant for'] as const;

/** In a rollout there are two; but the gateways of one revision have one image. */
function severalOf(gateways: readonly GatewayView[]): Finding | undefined {
  for (const revision of new Set(gateways.map((one) => one.revision))) {
    const told = versionsOf(gateways.filter((one) => one.revision === revision));
    if (told.length > 1) {
      return finding('VersionSkew', 'True', [
        'SeveralVersions',
        `gateways of one revision have versions ${told.join(' and ')}: the tag of their image ` +
          'was moved; set spec.image to one that is not, or to a digest',
      ]);
    }
  }
  return undefined;
}

/** Each once, in order. */
function versionsOf(gateways: readonly GatewayView[]): string[] {
  const all = gateways.flatMap((gateway) => statusOf(gateway)?.version ?? []);
  return [...new Set(all.filter((one) => releaseOf(one) !== undefined))].sort();
}

const RELEASE = /^(\d+)\.(\d+)\.\d+/;

function releaseOf(version: string): Release | undefined {
  const [, major, minor] = RELEASE.exec(version) ?? [];
  if (major === undefined || minor === undefined) return undefined;
  return { major: Number(major), minor: Number(minor) };
}

/** Minor versions; another major version is further away than any. */
function stepsAhead(version: string, own: Release): number {
  const { major, minor } = releaseOf(version) ?? own;
  return major === own.major ? minor - own.minor : (major - own.major) * Number.POSITIVE_INFINITY;
}
