// Types of operations, inferred from `schema.graphql`. `npm run generate` writes graphql-env.d.ts.

import { initGraphQLTada } from 'gql.tada'
import type { introspection } from './graphql-env'

export const graphql = initGraphQLTada<{
  introspection: introspection
  scalars: { DateTime: string; JSON: unknown; Long: number }
}>()

export type SyncStatus = ReturnType<typeof graphql.scalar<'SyncStatus'>>
export type SyncSource = ReturnType<typeof graphql.scalar<'SyncSource'>>
export type OrderDirection = ReturnType<typeof graphql.scalar<'OrderDirection'>>
export type SyncRunFilter = ReturnType<typeof graphql.scalar<'SyncRunFilter'>>
