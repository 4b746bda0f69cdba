import { useEffect, useState } from 'react';

export type Theme = 'light' | 'dark' | 'system';
const STORED = 'longshore.theme';

function storedTheme(): Theme {
  const stored = localStorage.getItem(STORED);
  return stored === 'light' || stored === 'dark' ? stored : 'system';
}

function apply(theme: Theme): void {
  const dark = theme === 'dark' || (theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.classList.toggle('dark', dark);
  document.documentElement.style.colorScheme = dark ? 'dark' : 'light';
}

/** Before the first screen is drawn, whoever is signed in. */
export function applyStoredTheme(): void {
  apply(storedTheme());
}

/** The theme a person chose, kept in this browser; `system` follows the machine as it changes. */
export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState<Theme>(storedTheme);
  useEffect(() => {
    apply(theme);
    if (theme === 'system') localStorage.removeItem(STORED);
    else localStorage.setItem(STORED, theme);
    const media = matchMedia('(prefers-color-scheme: dark)');
    const follow = () => apply(theme);
    media.addEventListener('change', follow);
    return () => media.removeEventListener('change', follow);
  }, [theme]);
  return [theme, setTheme];
}
