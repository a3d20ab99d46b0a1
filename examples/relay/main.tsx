import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { RelayEnvironmentProvider } from 'react-relay'
import { RunsPage } from '../shared/ui'
import { RunList } from './RunList'
import { environment } from './environment'

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <RelayEnvironmentProvider environment={environment}>
      <RunsPage title="Relay" List={RunList} />
    </RelayEnvironmentProvider>
  </StrictMode>,
)
