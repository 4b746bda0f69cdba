import clsx from 'clsx';
import { CircleHelp, LogOut, Search } from 'lucide-react';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { useSession, useSignOut } from '../../account/session.tsx';
import { PLACES, type Place } from '../../places.ts';
import { IconButton } from '../ui/button.tsx';
import { OfflineBanner } from './offline-banner.tsx';
import { useShortcut } from './shortcuts.tsx';
import { ThemeSwitch } from './theme-switch.tsx';

const CommandPalette = lazy(() => import('./command-palette.tsx'));
const ShortcutHelp = lazy(() => import('./shortcut-help.tsx'));

type Overlay = 'palette' | 'help' | null;

/** The frame around every screen: places at the left, on a phone at the foot. */
export function Layout({ children }: { children: ReactNode }) {
  const [overlay, setOverlay] = useState<Overlay>(null);
  const show = (which: Overlay) => (open: boolean) => setOverlay(open ? which : null);
  useShortcut('mod+k', 'Search and go anywhere', () => setOverlay(overlay === 'palette' ? null : 'palette'));
  useShortcut('?', 'This help', () => setOverlay('help'));
  return (
    <div className="min-h-dvh md:grid md:grid-cols-[13.5rem_minmax(0,1fr)]">
      <a
        href="#main"
        className="sr-only rounded-md focus:not-sr-only focus:absolute focus:z-50 focus:bg-surface focus:p-3"
      >
        Skip to content
      </a>
      <Side onSearch={() => setOverlay('palette')} onHelp={() => setOverlay('help')} />
      <div className="min-w-0">
        <OfflineBanner />
        <main id="main" tabIndex={-1} className="mx-auto w-full max-w-6xl px-4 py-5 pb-24 outline-none md:px-8 md:py-8">
          {children}
        </main>
      </div>
      <FootNavigation />
      <Suspense fallback={null}>
        {overlay === 'palette' && (
          <CommandPalette open onOpenChange={show('palette')} onHelp={() => setOverlay('help')} />
        )}
        {overlay === 'help' && <ShortcutHelp open onOpenChange={show('help')} />}
      </Suspense>
    </div>
  );
}

function Side({ onSearch, onHelp }: { onSearch: () => void; onHelp: () => void }) {
  return (
    <header className="flex items-center gap-1 border-b border-line bg-surface px-3 py-1.5 md:sticky md:top-0 md:h-dvh md:flex-col md:items-stretch md:gap-0 md:border-r md:border-b-0 md:px-3 md:py-4">
      <Link href="/datasets" className="flex items-center gap-2.5 rounded-md px-2 py-1 font-semibold tracking-tight">
        <img src="/favicon.svg" alt="" className="size-6" />
        Longshore
      </Link>
      <button
        type="button"
        onClick={onSearch}
        className="ml-auto flex size-8 cursor-pointer items-center justify-center gap-2 rounded-md text-sm text-muted hover:bg-sunken hover:text-ink md:mt-4 md:mb-3 md:ml-0 md:w-full md:justify-start md:border md:border-line md:bg-ground md:px-2 md:hover:border-line-strong"
      >
        <Search className="size-4" aria-hidden />
        <span className="flex-1 text-left max-md:sr-only">Search</span>
        <kbd aria-hidden className="font-sans text-xs max-md:hidden">
          Ctrl K
        </kbd>
      </button>
      <nav aria-label="Main" className="flex flex-1 flex-col gap-0.5 max-md:hidden">
        {PLACES.map((place) => (
          <SideLink key={place.href} place={place} />
        ))}
      </nav>
      <Account onHelp={onHelp} />
    </header>
  );
}

function useHere(href: string): boolean {
  const [location] = useLocation();
  return location === href || location.startsWith(`${href}/`);
}

function SideLink({ place: { href, label, icon: Icon, key } }: { place: Place }) {
  const here = useHere(href);
  const [, navigate] = useLocation();
  useShortcut(`g ${key}`, `Go to ${label}`, () => navigate(href));
  return (
    <Link
      href={href}
      aria-current={here ? 'page' : undefined}
      className={clsx(
        'flex items-center gap-2.5 rounded-md px-2 py-1.5 text-sm font-medium transition-colors',
        here ? 'bg-accent-soft text-accent' : 'text-muted hover:bg-sunken hover:text-ink',
      )}
    >
      <Icon className="size-4" aria-hidden />
      {label}
    </Link>
  );
}

function FootNavigation() {
  return (
    <nav
      aria-label="Main"
      className="fixed inset-x-0 bottom-0 z-30 flex border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {PLACES.map((place) => (
        <FootLink key={place.href} place={place} />
      ))}
    </nav>
  );
}

function FootLink({ place: { href, label, icon: Icon } }: { place: Place }) {
  const here = useHere(href);
  return (
    <Link
      href={href}
      aria-current={here ? 'page' : undefined}
      className={clsx(
        'flex min-w-0 flex-1 flex-col items-center gap-0.5 py-2 text-[0.6875rem] font-medium',
        here ? 'text-accent' : 'text-muted',
      )}
    >
      <Icon className="size-5" aria-hidden />
      <span className="w-full truncate text-center">{label}</span>
    </Link>
  );
}

function Account({ onHelp }: { onHelp: () => void }) {
  const { user } = useSession();
  const signOut = useSignOut();
  return (
    <div className="flex items-center md:border-t md:border-line md:pt-3">
      <span className="min-w-0 flex-1 px-2 text-sm max-md:hidden">
        <span className="block truncate font-medium" title={user.name}>
          {user.name}
        </span>
        <span className="block text-xs text-muted">{user.role}</span>
      </span>
      <IconButton label="Keyboard shortcuts" className="max-md:hidden" onClick={onHelp}>
        <CircleHelp className="size-4" aria-hidden />
      </IconButton>
      <ThemeSwitch />
      <IconButton label="Sign out" onClick={() => void signOut()}>
        <LogOut className="size-4" aria-hidden />
      </IconButton>
    </div>
  );
}
