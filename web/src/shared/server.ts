/** Returns what the server has written into the page. */
export function setting(name: string): string {
  const content = document.querySelector<HTMLMetaElement>(`meta[name="sync-history:${name}"]`)?.content ?? '';
  // The development server of Vite does not replace the placeholders.
  return content.startsWith('{{') ? '' : content;
}

/** The path under which the server is reached, without a trailing slash. */
export const basePath = setting('base-path');

/** Returns the address of a path of the server. */
export const urlOf = (path: string) => new URL(basePath + path, location.origin);

/** Returns the address of a path for WebSockets. */
export function webSocketUrlOf(path: string): URL {
  const url = urlOf(path);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url;
}
