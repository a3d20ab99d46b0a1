// GraphQL over HTTP, as audited by the reference implementation of the specification.

import { serverAudits } from 'graphql-http'
import { endpoint, report } from './helpers.mjs'

// Another release may have more; one that has fewer must not go unnoticed.
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
    // What is merely recommended ("warn") or optional ("notice") is asked for here as well.
    if (result.status === 'ok') return
    const { status, reason, response } = result
    const body = response.bodyUsed ? '' : await response.text()
    throw new Error(`${status}: ${reason}; HTTP ${response.status} ${body}`)
  }
}

await report('audits', checks)
