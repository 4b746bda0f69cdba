import { Moon, Sun, SunMoon } from 'lucide-react';
import { type Theme, useTheme } from '../theme.ts';
import { IconButton } from '../ui/button.tsx';

export const NEXT_THEME: Record<Theme, { theme: Theme; icon: typeof Sun; label: string }> = {
  system: { theme: 'light', icon: SunMoon, label: 'Theme: as the system. Switch to light' },
  light: { theme: 'dark', icon: Sun, label: 'Theme: light. Switch to dark' },
  dark: { theme: 'system', icon: Moon, label: 'Theme: dark. Switch to the system’s' },
};

export function ThemeSwitch() {
  const [theme, setTheme] = useTheme();
  const { icon: Icon, label, theme: next } = NEXT_THEME[theme];
  return (
    <IconButton label={label} onClick={() => setTheme(next)}>
      <Icon className="size-4" aria-hidden />
    </IconButton>
  );
}
