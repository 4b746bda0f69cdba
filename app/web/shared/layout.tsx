import clsx from 'clsx';
import { Database, LogOut, Moon, Sun, SunMoon } from 'lucide-react';
import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { useSession, useSignOut } from '../account/session.tsx';
import { type Theme, useTheme } from './theme.ts';

const ICON_BUTTON = 'cursor-pointer rounded-md p-2 text-muted hover:bg-sunken hover:text-ink';

const PLACES = [{ href: '/datasets', label: 'Datasets', icon: Database }];

export function Layout({ children }: { children: ReactNode }) {
  return (
    <div className="min-h-dvh md:grid md:grid-cols-[13rem_1fr]">
      <a href="#main" className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:bg-surface focus:p-3">
        Skip to content
      </a>
      <header className="flex items-center gap-1 border-b border-line bg-surface px-3 py-2 md:h-dvh md:flex-col md:items-stretch md:border-r md:border-b-0 md:px-3 md:py-4 md:sticky md:top-0">
        <Link href="/datasets" className="mr-3 flex items-center gap-2 px-2 font-semibold md:mb-4">
          <img src="/favicon.svg" alt="" className="size-6" />
          Longshore
        </Link>
        <nav aria-label="Main" className="flex flex-1 gap-1 md:flex-col">
          {PLACES.map((place) => (
            <Place key={place.href} {...place} />
          ))}
        </nav>
        <Account />
      </header>
      <main id="main" className="mx-auto w-full max-w-6xl px-4 py-6 md:px-8">
        {children}
      </main>
    </div>
  );
}

function Place({ href, label, icon: Icon }: (typeof PLACES)[number]) {
  const [location] = useLocation();
  const here = location === href || location.startsWith(`${href}/`);
  return (
    <Link
      href={href}
      aria-current={here ? 'page' : undefined}
      className={clsx(
        'flex items-center gap-2 rounded-md px-2 py-1.5 text-sm font-medium',
        here ? 'bg-accent-soft text-accent' : 'text-muted hover:bg-sunken hover:text-ink',
      )}
    >
      <Icon className="size-4" aria-hidden />
      {label}
    </Link>
  );
}

const NEXT: Record<Theme, { theme: Theme; icon: typeof Sun; label: string }> = {
  system: { theme: 'light', icon: SunMoon, label: 'Theme: as the system. Switch to light' },
  light: { theme: 'dark', icon: Sun, label: 'Theme: light. Switch to dark' },
  dark: { theme: 'system', icon: Moon, label: 'Theme: dark. Switch to the system’s' },
};

function Account() {
  const { user } = useSession();
  const signOut = useSignOut();
  return (
    <div className="flex items-center gap-1">
      <span className="truncate px-2 text-sm text-muted max-sm:hidden md:flex-1" title={user.role}>
        {user.name}
      </span>
      <ThemeSwitch />
      <button
        type="button"
        aria-label="Sign out"
        title="Sign out"
        onClick={() => void signOut()}
        className={ICON_BUTTON}
      >
        <LogOut className="size-4" aria-hidden />
      </button>
    </div>
  );
}

function ThemeSwitch() {
  const [theme, setTheme] = useTheme();
  const { icon: Icon, label, theme: next } = NEXT[theme];
  return (
    <button type="button" aria-label={label} title={label} onClick={() => setTheme(next)} className={ICON_BUTTON}>
      <Icon className="size-4" aria-hidden />
    </button>
  );
}
