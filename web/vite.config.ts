import { defineConfig } from 'vite';

export default defineConfig({
  // The page is served at /graphiql without a trailing slash, against which
  // relative URLs would resolve to the root.
  base: '/graphiql/',
  build: {
    target: 'es2022',
    // Licences of the bundled packages.
    license: { fileName: 'LICENSES.md' },
    // Monaco is one large chunk.
    chunkSizeWarningLimit: 5000,
    rolldownOptions: {
      // "use client" in the React libraries has no effect without server components.
      checks: { moduleLevelDirective: false },
      // GraphiQL derives icon titles from function names.
      output: { keepNames: true },
    },
  },
  worker: {
    // Module workers support code splitting: Prettier is loaded on first use.
    format: 'es',
  },
});
