/** `code` is what the client finds in `__type`. Nearly all are HTTP 400. */
export class SagemakerError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}
