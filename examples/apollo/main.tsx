import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { ApolloProvider } from '@apollo/client/react'
import { relayStylePagination } from '@apollo/client/utilities'
import { OperationTypeNode } from 'graphql'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { credentials, endpoint, sockets } from '../shared/server'
import { RunsPage } from '../shared/ui'
import { RunList } from './RunList'

const client = new ApolloClient({
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(sockets),
    new HttpLink({ uri: endpoint, headers: credentials() }),
  ),
  cache: new InMemoryCache({
    // Objects are stored by type and `id`. Pages are joined to one list per filter and order.
    typePolicies: { Query: { fields: { syncRuns: relayStylePagination(['filter', 'orderBy']) } } },
  }),
})

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <ApolloProvider client={client}>
      <RunsPage title="Apollo Client" List={RunList} />
    </ApolloProvider>
  </StrictMode>,
)
