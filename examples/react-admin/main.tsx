import { QueryClient } from '@tanstack/react-query'
import { CoreAdminContext, ListBase } from 'ra-core'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { credentials, endpoint } from '../shared/server'
import { PAGE_SIZE, Page } from '../shared/ui'
import { RunList } from './RunList'
import { ApiError, createDataProvider } from './dataProvider'

const dataProvider = createDataProvider(endpoint, credentials)

const queryClient = new QueryClient({
  // Requests that the server rejects are not repeated. Others are, until the server responds: a list that is read again because of
  // a change would otherwise remain as it was.
  defaultOptions: {
    queries: { retry: (_, error) => !(error instanceof ApiError) || error.code === 'UNAVAILABLE', retryDelay: 2_000 },
  },
})

// With the package react-admin instead of ra-core: `<Admin>` and `<List>`.
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <CoreAdminContext dataProvider={dataProvider} queryClient={queryClient}>
      <Page title="react-admin">
        <ListBase resource="syncRuns" perPage={PAGE_SIZE} sort={{ field: 'startedAt', order: 'DESC' }}>
          <RunList />
        </ListBase>
      </Page>
    </CoreAdminContext>
  </StrictMode>,
)
