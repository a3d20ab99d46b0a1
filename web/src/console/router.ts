import { basePath } from '../shared/server';
import { createStore, useStore } from './lib/store';

export interface Location {
  /** The path below the base path, such as `/runs`. */
  path: string;
  search: string;
}

const read = (): Location => ({
  path: window.location.pathname.slice(basePath.length) || '/',
  search: window.location.search,
});

export const currentLocation = createStore<Location>(read());

export const useLocation = () => useStore(currentLocation);

/** Returns the address of a path for `href`. */
export const href = (path: string) => basePath + path;

/** Goes to a path below the base path. */
export function navigate(to: string, { replace = false } = {}) {
  const method = replace ? 'replaceState' : 'pushState';
  const isOtherPath = !href(to).startsWith(`${window.location.pathname}?`) && href(to) !== window.location.pathname;
  history[method](null, '', href(to));
  currentLocation.set(read());
  if (isOtherPath) window.scrollTo(0, 0);
}

/** Whether a link leads to a screen of this page; others, such as GraphiQL, are loaded. */
function isScreen(link: HTMLAnchorElement) {
  const { origin, pathname } = new URL(link.href);
  const path = pathname.slice(basePath.length) || '/';
  return (
    origin === window.location.origin &&
    pathname.startsWith(basePath) &&
    /^\/(|runs|runs\/[^/]+|failures|statistics|access)$/.test(path)
  );
}

/** Follows links to screens without loading the page again. */
export function followLinks() {
  addEventListener('popstate', () => currentLocation.set(read()));
  document.addEventListener('click', (event) => {
    const link = (event.target as Element).closest?.('a');
    const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!link?.href || event.defaultPrevented || !isPlain || link.target || link.hasAttribute('download')) return;
    if (link.hash && link.pathname === window.location.pathname && link.search === window.location.search) return;
    if (!isScreen(link)) return;
    event.preventDefault();
    navigate(link.pathname.slice(basePath.length) + link.search);
  });
}
