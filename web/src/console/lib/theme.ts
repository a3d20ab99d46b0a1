import { createStore } from './store';

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'sync-history:theme';

const stored = localStorage.getItem(KEY);

/** The colour scheme that the viewer has chosen. */
export const theme = createStore<Theme>(stored === 'light' || stored === 'dark' ? stored : 'system');

function apply() {
  const value = theme.get();
  if (value === 'system') {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem(KEY);
  } else {
    document.documentElement.dataset.theme = value;
    localStorage.setItem(KEY, value);
  }
}

apply();
theme.subscribe(apply);
