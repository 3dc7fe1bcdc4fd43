import { isConflict, KubeError } from '../operator/kube/kube-error.ts';
import { Complaint } from './complaint.ts';

/** Why a command failed, in one line; undefined for what is a mistake of ours. */
export function explained(error: unknown): string | undefined {
  if (error instanceof Complaint) return error.message;
  if (!(error instanceof KubeError)) return undefined;
  const said = oneLine(reasonOf(error));
  if (isConflict(error)) return `somebody else changed it meanwhile: look again (${said})`;
  switch (error.reason) {
    case 'Unreachable':
    case 'DeadlineExceeded':
      return `the API server does not answer (${said}): is it the right --context?`;
    case 'CredentialsUnavailable':
      return `${said}: see to the user of the kubeconfig's context`;
    case 'Unauthorized':
      return `the API server does not know who this is: log in anew, or say another --context`;
    case 'Forbidden':
      return `${said}: docs/kubectl.md says which rights it needs`;
    default:
      return said;
  }
}

/** Without what was asked, which says nothing to whoever did not ask it. */
export function reasonOf({ message }: KubeError): string {
  return message.replace(/^[A-Z]+ \/\S*: /, '').replace(/^\d{3} \w+: /, '');
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();
