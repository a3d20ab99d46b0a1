"""A worker and a watcher that use gql, the GraphQL client for Python, over HTTP and WebSocket."""

import asyncio
import sys
import traceback
import uuid

from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport, HTTPXTransport
from gql.transport.websockets import WebsocketsTransport

ENDPOINT = sys.argv[1] + "/graphql"
SOCKET_ENDPOINT = ENDPOINT.replace("http", "ws", 1)
# Seconds, of each check.
TIMEOUT = 20

CREATE = """
    mutation Create($input: CreateSyncRunInput!) {
      createSyncRun(input: $input) { replayed run { id status version } }
    }"""
START = "mutation Start($runId: ID!) { startSyncRun(runId: $runId) { run { status } } }"
COMPLETE = """
    mutation Complete($input: CompleteSyncRunInput!) {
      completeSyncRun(input: $input) { run { status recordsProcessed } }
    }"""
ADD_EVENT = """
    mutation Add($input: AddSyncEventInput!) {
      addSyncEvent(input: $input) { event { id message } }
    }"""
CHANGES = """
    subscription Changes($filter: SyncRunFilter, $after: String) {
      syncRunChanged(filter: $filter, after: $after) { cursor kind previousStatus status run { id } }
    }"""


def operation(document, **variables):
    request = gql(document)
    request.variable_values = variables
    return request


def over_http():
    return Client(transport=HTTPXAsyncTransport(url=ENDPOINT))


def over_websocket(**settings):
    return Client(transport=WebsocketsTransport(url=SOCKET_ENDPOINT, **settings))


async def create_run(session, status="PENDING"):
    run_id = str(uuid.uuid4())
    run = {"id": run_id, "entityType": "STOCK", "source": "AS400", "status": status}
    await session.execute(operation(CREATE, input=run))
    return run_id


async def feed_cursor(session):
    return (await session.execute(gql("{ syncRuns(first: 1) { feedCursor } }")))["syncRuns"]["feedCursor"]


async def changes_of(session, run_id, after, count):
    """The first changes of a run after a cursor."""
    changes = []
    request = operation(CHANGES, filter={"id": [run_id]}, after=after)
    async for result in session.subscribe(request):
        changes.append(result["syncRunChanged"])
        if len(changes) == count:
            return changes
    raise AssertionError(f"the subscription ended after {changes}")


def summary(change):
    return (change["kind"], change["previousStatus"], change["status"])


CREATED = ("CREATED", None, "PENDING")
STARTED = ("STATUS", "PENDING", "RUNNING")
COMPLETED = ("STATUS", "RUNNING", "COMPLETED")


async def code_of(work):
    try:
        await work
    except TransportQueryError as error:
        return error.errors[0]["extensions"]["code"]
    raise AssertionError("there is no error")


def a_blocking_client_validates_against_the_schema_that_it_fetches():
    transport = HTTPXTransport(url=ENDPOINT)
    with Client(transport=transport, fetch_schema_from_transport=True) as session:
        run = {"entityType": "STOCK", "source": "AS400"}
        created = session.execute(operation(CREATE, input=run))["createSyncRun"]
        assert created["replayed"] is False, created
        request = operation("query Run($id: ID!) { syncRun(id: $id) { id status version } }", id=created["run"]["id"])
        assert session.execute(request)["syncRun"] == created["run"]


async def a_worker_reports_a_run_over_http():
    async with over_http() as session:
        run_id = await create_run(session)
        started = await session.execute(operation(START, runId=run_id))
        assert started["startSyncRun"]["run"] == {"status": "RUNNING"}
        outcome = {"runId": run_id, "counts": {"recordsProcessed": 7}}
        completed = await session.execute(operation(COMPLETE, input=outcome))
        assert completed["completeSyncRun"]["run"] == {"status": "COMPLETED", "recordsProcessed": 7}


async def an_error_has_its_code_over_both_transports():
    async with over_http() as http, over_websocket() as socket:
        run_id = await create_run(http)
        for session in (http, socket):
            assert await code_of(session.execute(gql("{ nothing }"))) == "BAD_INPUT"
            unknown = operation(START, runId=str(uuid.uuid4()))
            assert await code_of(session.execute(unknown)) == "NOT_FOUND"
        assert await code_of(changes_of(socket, run_id, "no cursor", 1)) == "BAD_CURSOR"


async def a_subscription_delivers_changes_and_resumes_after_a_cursor():
    async with over_http() as http:
        after = await feed_cursor(http)
        run_id = await create_run(http)
        async with over_websocket() as socket:
            following = asyncio.create_task(changes_of(socket, run_id, after, 3))
            await http.execute(operation(START, runId=run_id))
            await http.execute(operation(COMPLETE, input={"runId": run_id}))
            changes = await following
            assert [summary(change) for change in changes] == [CREATED, STARTED, COMPLETED]
        # A new connection resumes.
        async with over_websocket() as socket:
            rest = await changes_of(socket, run_id, changes[0]["cursor"], 2)
            assert [summary(change) for change in rest] == [STARTED, COMPLETED]


async def one_socket_carries_queries_mutations_and_subscriptions():
    async with over_websocket(ping_interval=1, pong_timeout=10) as socket:
        run_id = await create_run(socket)
        following = asyncio.create_task(changes_of(socket, run_id, None, 2))
        # Once a later message has been answered, the subscription is live.
        await asyncio.sleep(0)
        await feed_cursor(socket)
        await socket.execute(operation(START, runId=run_id))
        await socket.execute(operation(COMPLETE, input={"runId": run_id}))
        assert [summary(change) for change in await following] == [STARTED, COMPLETED]


async def the_events_of_a_run_end_with_the_run():
    async with over_http() as http, over_websocket() as socket:
        run_id = await create_run(http, status="RUNNING")
        messages = []

        async def follow():
            request = "subscription Events($id: ID!) { syncEventAdded(runId: $id) { event { message } } }"
            async for result in socket.subscribe(operation(request, id=run_id)):
                messages.append(result["syncEventAdded"]["event"]["message"])

        following = asyncio.create_task(follow())
        for message in ("one", "two"):
            event = {"eventType": "chunk", "message": message}
            await http.execute(operation(ADD_EVENT, input={"runId": run_id, "event": event}))
        await http.execute(operation(COMPLETE, input={"runId": run_id}))
        await following
        assert messages == ["one", "two"]


async def run(check):
    # A blocking client runs in a thread, since it cannot run within an event loop.
    work = check() if asyncio.iscoroutinefunction(check) else asyncio.to_thread(check)
    try:
        await asyncio.wait_for(work, TIMEOUT)
        return True
    except Exception:
        print(f"- {check.__name__}:", file=sys.stderr)
        traceback.print_exc()
        return False


async def main():
    checks = [
        a_blocking_client_validates_against_the_schema_that_it_fetches,
        a_worker_reports_a_run_over_http,
        an_error_has_its_code_over_both_transports,
        a_subscription_delivers_changes_and_resumes_after_a_cursor,
        one_socket_carries_queries_mutations_and_subscriptions,
        the_events_of_a_run_end_with_the_run,
    ]
    passed = await asyncio.gather(*map(run, checks))
    print(f"gql: {sum(passed)} of {len(checks)} checks passed")
    return 0 if all(passed) else 1


sys.exit(asyncio.run(main()))
