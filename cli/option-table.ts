import type { Command, OptionName } from './command.ts';

/** Every option, declared once. */
export interface OptionDeclaration {
  readonly name: OptionName | 'namespace' | 'context' | 'kubeconfig' | 'help' | 'version';
  readonly short?: string;
  /** What stands for its value in the help; without it the option is a flag. */
  readonly value?: string;
  readonly text: string;
}

export const common: readonly OptionDeclaration[] = [
  { name: 'namespace', short: 'n', value: 'NAME', text: 'default: that of the context' },
  { name: 'context', value: 'NAME', text: 'of the kubeconfig; default: its current one' },
  { name: 'kubeconfig', value: 'FILE', text: 'default: KUBECONFIG, then ~/.kube/config' },
  { name: 'help', short: 'h', text: 'this text' },
  { name: 'version', text: 'which one this is' },
];

export const special: readonly OptionDeclaration[] = [
  { name: 'watch', short: 'w', text: 'of status: drawn anew every 2 s' },
  { name: 'wait', text: 'of drain: until the pod is replaced, with how far it is' },
  {
    ...{ name: 'timeout', value: 'SECONDS' },
    text: 'of --watch: 3600; of --wait: what a drain may take, and 300 more',
  },
  { name: 'cluster', value: 'NAME', text: 'of where: which one, where there are several' },
  {
    ...{ name: 'api-key-file', value: 'FILE' },
    text: 'of where: has the API key; default: WSCLUSTER_API_KEY',
  },
];

/** As `parseArgs` wants to know it. */
export const takesValue: Readonly<
  Record<string, { readonly type: 'string' | 'boolean'; readonly short?: string }>
> = Object.fromEntries(
  [...common, ...special].map(({ name, short, value }) => [
    name,
    {
      type: value === undefined ? ('boolean' as const) : ('string' as const),
      ...(short === undefined ? {} : { short }),
    },
  ]),
);

export const isOptionName = (name: string): name is OptionDeclaration['name'] =>
  Object.hasOwn(takesValue, name);

export const optionsOf = ({ options }: Command): readonly string[] => [
  ...common.map(({ name }) => name),
  ...options,
];
