/** Programs that make an image of a Dockerfile. */
export interface Builder {
  readonly name: 'docker' | 'podman' | 'buildah';
  /** Succeeds where it can build: a client of Docker is of no use without its engine. */
  readonly probe: readonly string[];
  /** What it makes of a Dockerfile for several platforms at once; undefined: it cannot. */
  readonly manifest: string | undefined;
}

export const builders: readonly Builder[] = [
  { name: 'docker', probe: ['info'], manifest: undefined },
  { name: 'podman', probe: ['info'], manifest: '--manifest' },
  { name: 'buildah', probe: ['--version'], manifest: '--manifest' },
];

/** Targets of the Dockerfile. */
export const targets = ['gateway', 'operator'] as const;
export type Target = (typeof targets)[number];

export interface ImageOptions {
  readonly target: Target;
  /** Before `/gateway`: `registry.example.com/chat`, or `wscluster`. */
  readonly prefix: string;
  readonly tag: string;
  /** `linux/amd64`; none: that of this machine. */
  readonly platforms: readonly string[];
  /** Image of Node to begin from; undefined: that of the Dockerfile. */
  readonly node: string | undefined;
}

export const nameOf = ({ prefix, target, tag }: ImageOptions): string =>
  `${prefix}/${target}:${tag}`;

/** Arguments of the builder; the last one is the folder. */
export function buildArguments(builder: Builder, options: ImageOptions, folder: string): string[] {
  const { target, platforms, node } = options;
  const several = platforms.length > 1;
  const name = nameOf(options);
  // buildx keeps several platforms under one tag by itself.
  const naming = several && builder.manifest !== undefined ? builder.manifest : '--tag';
  return [
    ...(builder.name === 'docker' && several ? ['buildx', 'build'] : ['build']),
    ...['--target', target, naming, name],
    ...(platforms.length > 0 ? ['--platform', platforms.join(',')] : []),
    ...(node === undefined ? [] : ['--build-arg', `NODE=${node}`]),
    // One format for all: an image of Docker says as much.
    ...(builder.name === 'docker' ? [] : ['--format', 'docker']),
    folder,
  ];
}
