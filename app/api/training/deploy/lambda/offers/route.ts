import { offersEndpoint } from '@/lib/http/deploy-endpoints.ts';

export const GET = offersEndpoint('lambda');
