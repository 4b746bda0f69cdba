/** US dollars, as providers tell their prices. */
export function price(usdPerHour: number | null): string {
  return usdPerHour === null ? 'price not known' : `$${usdPerHour.toFixed(2)} an hour`;
}
