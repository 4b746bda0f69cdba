import { endpoint } from '@/lib/http/endpoint.ts';
import { answerSignIn, answerSignInLink, answerSignOut } from '@/lib/http/sign-in-answers.ts';

export const GET = endpoint(
  { auth: 'none', summary: 'Sign a browser in with ?key= (a link that works once, or an API key) and go to the page' },
  answerSignInLink,
);

export const POST = endpoint(
  { auth: 'none', summary: 'Sign a browser in with { key }: an API key or, with Supabase, an access token' },
  answerSignIn,
);

export const DELETE = endpoint({ auth: 'none', summary: 'Sign the browser out' }, answerSignOut);
