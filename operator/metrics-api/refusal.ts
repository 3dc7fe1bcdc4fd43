/** What is answered instead of what was asked for; as the API server says it. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: number;
  /** `NotFound`. */
  readonly reason: string;

  constructor([code, reason]: readonly [code: number, reason: string], message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }

  /** As a Kubernetes `Status`. */
  toJSON(): object {
    const { message, reason, code } = this;
    const status = { apiVersion: 'v1', kind: 'Status', metadata: {}, status: 'Failure' };
    return { ...status, message, reason, code };
  }
}

const refusing =
  (...kind: readonly [number, string]) =>
  (message: string): Refusal =>
    new Refusal(kind, message);

export const badRequest = refusing(400, 'BadRequest');
export const unauthorized = refusing(401, 'Unauthorized');
export const forbidden = refusing(403, 'Forbidden');
export const notFound = refusing(404, 'NotFound');
export const notAllowed = refusing(405, 'MethodNotAllowed');
export const notAcceptable = refusing(406, 'NotAcceptable');
export const internalError = refusing(500, 'InternalError');
export const unavailable = refusing(503, 'ServiceUnavailable');
