import { defineConfig } from 'vite'
import relay from 'vite-plugin-relay-lite'

const EXAMPLES = ['apollo', 'urql', 'relay', 'react-admin', 'refine']
const input = ['index.html', ...EXAMPLES.map(name => `${name}/index.html`)]

// The pages send requests to their own origin, from where they are passed on to the server.
const target = process.env.SYNC_HISTORY_URL ?? 'http://127.0.0.1:8080'
const proxy = { '/graphql': { target, ws: true } }

export default defineConfig({
  plugins: [relay({ codegen: false })],
  server: { proxy },
  preview: { proxy },
  build: {
    target: 'es2022',
    chunkSizeWarningLimit: 1000,
    rolldownOptions: {
      input,
      // "use client" in the React libraries has no effect without server components.
      checks: { moduleLevelDirective: false },
    },
  },
})
