import { parseAllDocuments } from 'yaml';
import type { Kubectl } from '../lab/kubectl.ts';

/** Objects as others write them down: YAML, one document each. */
export function objectsIn(text: string): readonly object[] {
  const documents = parseAllDocuments(text);
  for (const { errors } of documents) if (errors[0] !== undefined) throw errors[0];
  return documents
    .map((document) => document.toJS() as object | null)
    .filter((one) => one !== null);
}

/** Also such as are larger than what `kubectl apply` remembers of an object. */
export async function applyOnServer(kubectl: Kubectl, objects: readonly object[]): Promise<void> {
  const apply = ['apply', '--server-side', '-f', '-'];
  await kubectl.piped(apply, { apiVersion: 'v1', kind: 'List', items: objects });
}
