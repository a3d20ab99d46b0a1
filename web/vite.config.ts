import { defineConfig } from 'vite';

export default defineConfig({
  // The page is at /graphiql without a trailing slash, so relative addresses
  // would be resolved against the root. All addresses in the build are absolute.
  base: '/graphiql/',
  build: {
    target: 'es2022',
    // The licences of everything bundled travel with the bundle.
    license: { fileName: 'LICENSES.md' },
    // Monaco is one large chunk, loaded once and from the same host.
    chunkSizeWarningLimit: 5000,
    rolldownOptions: {
      // "use client" in the React libraries means nothing in a page like this.
      checks: { moduleLevelDirective: false },
      // GraphiQL makes the titles of its icons from the names of functions.
      output: { keepNames: true },
    },
  },
  worker: {
    // Module workers may be split, so Prettier is only loaded when it is used.
    format: 'es',
  },
});
