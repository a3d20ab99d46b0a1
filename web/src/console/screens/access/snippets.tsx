import { useState } from 'preact/hooks';
import { CopyButton } from '../../components/copy-button';
import { urlOf } from '../../../shared/server';

// A key is read from the environment: what is pasted into a terminal is kept in its history.
const snippets = (url: string): Record<string, string> => ({
  curl: `# Report a run, and end it
curl -s ${url} -H 'Content-Type: application/json' -H "Authorization: Bearer $SYNC_HISTORY_KEY" \\
  -d '{"query": "mutation { createSyncRun(input: {entityType: STOCK, source: API, status: RUNNING}) { run { id } } }"}'

curl -s ${url} -H 'Content-Type: application/json' -H "Authorization: Bearer $SYNC_HISTORY_KEY" \\
  -d '{"query": "mutation { completeSyncRun(input: {runId: \\"PASTE-THE-ID\\", counts: {recordsProcessed: 120}}) { run { status } } }"}'`,
  Python: `import os, requests

def execute(query, **variables):
    response = requests.post(
        "${url}",
        json={"query": query, "variables": variables},
        headers={"Authorization": f"Bearer {os.environ['SYNC_HISTORY_KEY']}"},
    ).json()
    if "errors" in response:
        raise RuntimeError(response["errors"][0]["message"])
    return response["data"]

run = execute("mutation { createSyncRun(input: {entityType: STOCK, source: API, status: RUNNING}) { run { id } } }")
execute(
    "mutation ($input: CompleteSyncRunInput!) { completeSyncRun(input: $input) { run { status } } }",
    input={"runId": run["createSyncRun"]["run"]["id"], "counts": {"recordsProcessed": 120}},
)`,
  Shell: `#!/bin/sh
# Reports a command as a run: report-run.sh nightly-import --all
graphql() {
  curl -sS "${url}" -H 'Content-Type: application/json' -H "Authorization: Bearer $SYNC_HISTORY_KEY" -d "$1"
}
id=$(cat /proc/sys/kernel/random/uuid)
graphql '{"query": "mutation { createSyncRun(input: {id: \\"'"$id"'\\", entityType: STOCK, source: FILE, status: RUNNING}) { run { id } } }"}'
if "$@"; then status=COMPLETED; else status=FAILED; fi
graphql '{"query": "mutation { completeSyncRun(input: {runId: \\"'"$id"'\\", status: '"$status"'}) { run { status } } }"}'`,
  'Front end': `import { createClient } from 'graphql-ws'

const client = createClient({
  url: '${url.replace(/^http/, 'ws')}',
  connectionParams: () => ({ authorization: \`Bearer \${token}\` }),
  retryAttempts: Infinity,
  shouldRetry: () => true,
})

const query = \`subscription ($after: String) {
  syncRunChanged(after: $after) { cursor kind run { id status recordsProcessed } }
}\`
const variables = { after: undefined }
client.subscribe({ query, variables }, {
  next: ({ data }) => {
    variables.after = data.syncRunChanged.cursor // resumes here after an interruption
    console.log(data.syncRunChanged)
  },
  error: console.error,
  complete: () => {},
})`,
});

/** Code to paste, with the address of this server. */
export function Snippets() {
  const all = snippets(urlOf('/graphql').href);
  const names = Object.keys(all);
  const [name, setName] = useState('curl');
  const text = all[name] ?? '';
  return (
    <div class="snippets">
      <div class="tabs" role="group" aria-label="Language">
        {names.map((one) => (
          <button key={one} type="button" aria-pressed={one === name} onClick={() => setName(one)}>
            {one}
          </button>
        ))}
        <CopyButton text={text} />
      </div>
      <pre tabIndex={0} aria-label={name}>
        <code>{text}</code>
      </pre>
    </div>
  );
}
