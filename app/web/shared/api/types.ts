/** The API's own words: what the page uses of them. */
export type * from '@/lib/http/api-types.ts';
