import { initGraphQLTada } from 'gql.tada';
import type { introspection } from './schema';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Parses documents, whose types follow from ../schema.graphql. */
export const graphql = initGraphQLTada<{
  introspection: introspection;
  scalars: { DateTime: string; JSON: { [key: string]: Json }; Long: number };
  disableMasking: true;
}>();

export type { FragmentOf, ResultOf, VariablesOf } from 'gql.tada';
export type EntityType = ReturnType<typeof graphql.scalar<'SyncEntityType'>>;
export type Source = ReturnType<typeof graphql.scalar<'SyncSource'>>;
export type Status = ReturnType<typeof graphql.scalar<'SyncStatus'>>;
export type RunOrderField = ReturnType<typeof graphql.scalar<'SyncRunOrderField'>>;
export type RunFilter = ReturnType<typeof graphql.scalar<'SyncRunFilter'>>;
