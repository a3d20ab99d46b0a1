// The GraphQL over HTTP audits of the reference implementation, graphql-http.

import { serverAudits } from 'graphql-http'
import { endpoint, report } from './helpers.mjs'

// Fails if an update of the package changes the number of audits.
const EXPECTED = 61

const audits = serverAudits({ url: endpoint })

const checks = {
  [`there are ${EXPECTED} audits`]() {
    if (audits.length !== EXPECTED) throw new Error(`there are ${audits.length}`)
  },
}
for (const { id, name, fn } of audits) {
  checks[`${id} ${name}`] = async () => {
    const result = await fn()
    // Recommended ("warn") and optional ("notice") audits must pass as well.
    if (result.status === 'ok') return
    const { status, reason, response } = result
    const body = response.bodyUsed ? '' : await response.text()
    throw new Error(`${status}: ${reason}; HTTP ${response.status} ${body}`)
  }
}

await report('audits', checks)
