import { deployEndpoints } from '@/lib/http/deploy-endpoints.ts';

export const { GET, POST, DELETE } = deployEndpoints('runpod');
