import { defineConfig } from 'vite';

export default defineConfig({
  experimental: {
    // The server may be reached under any path: it fills the path into its pages, and files find each other.
    renderBuiltUrl: (file, { hostType }) =>
      hostType === 'html' ? `{{base-path}}/${file}` : { relative: true },
  },
  build: {
    target: 'es2022',
    // Monaco is one large chunk.
    chunkSizeWarningLimit: 5000,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      // "use client" in the React libraries has no effect without server components.
      checks: { moduleLevelDirective: false },
    },
  },
  worker: {
    // Module workers support code splitting: Prettier is loaded on first use.
    format: 'es',
  },
});
