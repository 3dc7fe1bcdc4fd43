import { stringify } from 'yaml';

/** An object as YAML that every reader of manifests understands, 1.1 or 1.2. */
export function manifest(object: object): string {
  // 1.1, so that texts such as "yes" and "012" are quoted. Objects that stand at several places of
  // the source are written out at each: Kubernetes knows no aliases.
  return stringify(object, {
    version: '1.1',
    aliasDuplicateObjects: false,
    indentSeq: false,
    lineWidth: 0,
  });
}
