import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Client, Provider, fetchExchange, subscriptionExchange } from 'urql'
import { credentials, endpoint, sockets } from '../shared/server'
import { RunsPage } from '../shared/ui'
import { RunList } from './RunList'
import { cache } from './cache'

const client = new Client({
  url: endpoint,
  fetchOptions: () => ({ headers: credentials() }),
  exchanges: [
    cache,
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: ({ query = '', variables }) => ({
        subscribe: sink => ({ unsubscribe: sockets.subscribe({ query, variables }, sink) }),
      }),
    }),
  ],
})

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Provider value={client}>
      <RunsPage title="urql" List={RunList} />
    </Provider>
  </StrictMode>,
)
