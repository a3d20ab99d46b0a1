import { Environment, type FetchFunction, Network, Observable, RecordSource, Store, type SubscribeFunction } from 'relay-runtime'
import { credentials, endpoint, sockets } from '../shared/server'

const fetchQuery: FetchFunction = async ({ name, text }, variables) => {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...credentials() },
    body: JSON.stringify({ operationName: name, query: text, variables }),
  })
  // A proxy may respond with something else.
  if (!response.headers.get('content-type')?.includes('json')) throw new Error(`the server responded with ${response.status}`)
  const { data, errors } = await response.json()
  // Relay would show a list that could not be read as null, without the reason.
  if (errors) throw new Error(errors[0].message)
  return { data }
}

const subscribe: SubscribeFunction = ({ name, text }, variables) =>
  Observable.create<any>(sink =>
    sockets.subscribe(
      { operationName: name, query: text!, variables },
      {
        next: result => sink.next(result),
        // Errors of GraphQL are a list, a closed socket is an event.
        error: reason => sink.error(reason instanceof Error ? reason : new Error(JSON.stringify(reason))),
        complete: () => sink.complete(),
      },
    ),
  )

export const environment = new Environment({
  network: Network.create(fetchQuery, subscribe),
  // Relay stores objects by `id`: the ids of runs, events and users differ from each other.
  store: new Store(new RecordSource()),
})
