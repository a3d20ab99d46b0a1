import { useQuery } from '@urql/preact';
import { graphql, type ResultOf } from './graphql';

const VIEWER = graphql(`
  query Viewer {
    viewer {
      name
      kind
      scopes
      user { id fullName email }
    }
  }
`);

export type Viewer = ResultOf<typeof VIEWER>['viewer'];
export type Scope = 'read' | 'report' | 'operate' | 'admin';

/** Returns who is authenticated. */
export function useViewer() {
  const [result, refetch] = useQuery({ query: VIEWER });
  return { viewer: result.data?.viewer, error: result.error, fetching: result.fetching, refetch };
}

/** The scope `admin` includes all others. */
export const hasScope = (viewer: Viewer | undefined, scope: Scope) =>
  viewer?.scopes.includes(scope) === true || viewer?.scopes.includes('admin') === true;
