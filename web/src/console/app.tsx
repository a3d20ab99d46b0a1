import { Provider } from '@urql/preact';
import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { session } from './api/client';
import { connection } from './api/connection';
import { useViewer } from './api/viewer';
import { ConnectionIndicator } from './components/connection-indicator';
import { HelpDialog } from './components/help-dialog';
import { Icon } from './components/icon';
import { Notice } from './components/states';
import { useKeys } from './lib/keyboard';
import { useStore } from './lib/store';
import { type Theme, theme } from './lib/theme';
import { href, navigate, useLocation } from './router';
import { screenOf, SCREENS } from './screens';

export function App() {
  // Another principal starts with empty screens.
  const { client, generation } = useStore(session);
  return (
    <Provider value={client} key={generation}>
      <Shell />
    </Provider>
  );
}

function Shell() {
  const { path } = useLocation();
  const screen = screenOf(path);
  const { status } = useStore(connection);
  const [isHelpOpen, setHelpOpen] = useState(false);
  useGlobalKeys(() => setHelpOpen(true));
  useEffect(() => {
    document.title = `${screen?.title ?? 'Not found'} · sync-history`;
  }, [screen]);
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <Header status={status}>
        {SCREENS.map(({ path: screenPath, title }) => (
          <a key={title} href={href(screenPath)} aria-current={screen?.title === title ? 'page' : undefined}>
            {title}
          </a>
        ))}
      </Header>
      <main id="main" tabIndex={-1} key={screen?.title}>
        {screen?.render(path) ?? (
          <Notice icon="cross" title="There is no such screen">
            <a class="button" href={href('/')}>
              Start again
            </a>
          </Notice>
        )}
      </main>
      <footer>
        <button type="button" class="link" onClick={() => setHelpOpen(true)}>
          Keyboard <kbd>?</kbd>
        </button>
        <a href={href('/graphiql')}>GraphiQL</a>
      </footer>
      {isHelpOpen && <HelpDialog close={() => setHelpOpen(false)} />}
    </>
  );
}

function Header({ status, children }: { status: string; children: ComponentChildren }) {
  return (
    <header class={status}>
      <a class="brand" href={href('/')}>
        sync-history
      </a>
      <nav aria-label="Screens">{children}</nav>
      <ConnectionIndicator />
      <ViewerLink />
      <ThemeSwitch />
    </header>
  );
}

function ViewerLink() {
  const { viewer } = useViewer();
  if (viewer === undefined || viewer.kind === 'ANONYMOUS') return null;
  return (
    <a class="viewer" href={href('/access')} title="Who you are, and what you may do">
      {viewer.user?.fullName ?? viewer.name ?? 'Signed in'}
    </a>
  );
}

const THEMES: Theme[] = ['system', 'light', 'dark'];
const THEME_ICONS = { system: 'half', light: 'sun', dark: 'moon' } as const;

function ThemeSwitch() {
  const current = useStore(theme);
  const next = THEMES[(THEMES.indexOf(current) + 1) % THEMES.length] ?? 'system';
  const label = `Colours: ${current}. Switch to ${next}.`;
  return (
    <button type="button" class="icon-button" aria-label={label} title={label} onClick={() => theme.set(next)}>
      <Icon name={THEME_ICONS[current]} />
    </button>
  );
}

const GO_KEYS: Record<string, string> = { f: '/', r: '/runs', x: '/failures', s: '/statistics', a: '/access' };

function useGlobalKeys(help: () => void) {
  const previous = useRef<string>(undefined);
  useKeys(
    useCallback((key: string, event: KeyboardEvent) => {
      const target = previous.current === 'g' ? GO_KEYS[key] : undefined;
      previous.current = key;
      if (target !== undefined && SCREENS.some((screen) => screen.path === target)) navigate(target);
      else if (key === '?') help();
      else if (key === '/') {
        const filter = document.querySelector<HTMLElement>('[data-filter]');
        filter?.focus();
        if (filter !== null) event.preventDefault();
      }
    }, []),
  );
}
