/** What is answered instead of what was asked for; as the API server says it. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: number;
  /** `NotFound`. */
  readonly reason: string;

  constructor(code: number, reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
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

export const unauthorized = (message: string): Refusal => new Refusal(401, 'Unauthorized', message);
export const forbidden = (message: string): Refusal => new Refusal(403, 'Forbidden', message);
export const notFound = (message: string): Refusal => new Refusal(404, 'NotFound', message);
export const badRequest = (message: string): Refusal => new Refusal(400, 'BadRequest', message);
export const unavailable = (message: string, cause?: unknown): Refusal =>
  new Refusal(503, 'ServiceUnavailable', message, { cause });
