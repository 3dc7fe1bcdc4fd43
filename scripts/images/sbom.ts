// `node sbom.ts <folder with node_modules> <image>`: writes the bill of materials of what npm has
// installed there, and of this Node, as SPDX 2.3. npm's own `sbom` tells of what the lock file has
// for other machines and leaves out what hangs on a package of ours (npm 11, `--omit=dev` with
// workspaces).

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Installed {
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly link?: boolean;
}

const [folder = '.', image = ''] = process.argv.slice(2);
const product = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const lock = JSON.parse(readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8'));
const installed = Object.entries(lock.packages as Record<string, Installed>)
  .filter(([path, { link }]) => path.startsWith('node_modules/') && link !== true)
  .map(([path, about]) => ({ name: path.split('node_modules/').at(-1) ?? '', ...about }));

interface Entry {
  readonly name: string;
  readonly version?: string;
  readonly license?: string;
  /** Subresource integrity, as lock files have it. */
  readonly integrity?: string;
  readonly purl: string;
}

const idOf = (name: string, version = '0') =>
  `SPDXRef-${`${name}-${version}`.replaceAll(/[^A-Za-z0-9.-]/g, '-')}`;

const npm = ({ name, version }: { readonly name: string; readonly version?: string }) =>
  `pkg:npm/${name.replace('@', '%40')}@${version}`;

function described({ name, version, license, integrity, purl }: Entry): object {
  const [algorithm, digest] = integrity?.split(' ')[0]?.split('-') ?? [];
  return {
    SPDXID: idOf(name, version),
    ...{ name, versionInfo: version, downloadLocation: 'NOASSERTION', filesAnalyzed: false },
    licenseDeclared: license ?? 'NOASSERTION',
    externalRefs: [
      { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl },
    ],
    ...(algorithm !== undefined && digest !== undefined
      ? {
          checksums: [
            {
              algorithm: algorithm.toUpperCase(),
              checksumValue: Buffer.from(digest, 'base64').toString('hex'),
            },
          ],
        }
      : {}),
  };
}

const document = `${product.name}-${image}-${product.version}`;
const node = process.versions.node;
const entries: Entry[] = [
  ...installed.map((each) => ({ ...each, purl: npm(each) })),
  { name: 'node', version: node, license: 'MIT', purl: `pkg:generic/node@${node}` },
];
const root: Entry = { ...product, purl: npm(product) };
const epoch = process.env['SOURCE_DATE_EPOCH'];
const created = epoch === undefined ? new Date() : new Date(Number(epoch) * 1_000);
process.stdout.write(
  `${JSON.stringify(
    {
      spdxVersion: 'SPDX-2.3',
      dataLicense: 'CC0-1.0',
      SPDXID: 'SPDXRef-DOCUMENT',
      name: document,
      documentNamespace: `https://wscluster.io/spdx/${document}`,
      creationInfo: {
        created: created.toISOString().replace(/\.\d+Z$/, 'Z'),
        creators: ['Tool: scripts/images/sbom.ts'],
      },
      packages: [root, ...entries].map(described),
      relationships: [
        {
          spdxElementId: 'SPDXRef-DOCUMENT',
          relationshipType: 'DESCRIBES',
          relatedSpdxElement: idOf(root.name, root.version),
        },
        ...entries.map(({ name, version }) => ({
          spdxElementId: idOf(root.name, root.version),
          relationshipType: 'CONTAINS',
          relatedSpdxElement: idOf(name, version),
        })),
      ],
    },
    null,
    1,
  )}\n`,
);
