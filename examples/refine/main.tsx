import { Refine } from '@refinedev/core'
import createDataProvider from '@refinedev/graphql'
import { Client, fetchExchange } from '@urql/core'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { credentials, endpoint, sockets } from '../shared/server'
import { Page } from '../shared/ui'
import { RunList } from './RunList'
import { createLiveProvider, options } from './providers'

const client = new Client({
  url: endpoint,
  fetchOptions: () => ({ headers: credentials() }),
  exchanges: [fetchExchange],
})

// Requests that the server rejects are not repeated. Others are, until the server responds: a list that is read again because of a
// change would otherwise remain as it was.
const queries = { retry: (_: number, error: Error) => error.message.startsWith('[Network]'), retryDelay: 2_000 }

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Refine
      dataProvider={createDataProvider(client, options)}
      liveProvider={createLiveProvider(sockets)}
      resources={[{ name: 'syncRuns' }]}
      options={{ disableTelemetry: true, reactQuery: { clientConfig: { defaultOptions: { queries } } } }}
    >
      <Page title="Refine">
        <RunList />
      </Page>
    </Refine>
  </StrictMode>,
)
