/** The pause that an answer asks for, in milliseconds. Retry-After in seconds; its date form is not used by stores. */
export function retryAfterMs(header: string | undefined): number | undefined {
  const seconds = Number(header ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}
