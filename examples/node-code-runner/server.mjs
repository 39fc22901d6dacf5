// `node server.mjs`: Python over HTTP. See README.md.
import { isBoxLiteError } from 'boxlite'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CodeRunner } from './code-runner.mjs'
import { NoTurn } from './turns.mjs'

const programLimitBytes = 64 * 1024

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '8000' },
    home: { type: 'string', default: join(homedir(), '.boxlite', 'code-runner') },
    'time-limit-ms': { type: 'string', default: '10000' },
    machines: { type: 'string', default: '2' },
    waiting: { type: 'string', default: '8' },
  },
})

/** What a client did wrong, or has to hear. */
class Refusal extends Error {
  constructor(status, message, headers = {}) {
    super(message)
    this.status = status
    this.headers = headers
  }
}

/** A number of the command line. */
function count(name, least) {
  const value = Number(options[name])
  if (options[name] !== '' && Number.isSafeInteger(value) && value >= least) return value
  console.error(`--${name} is a whole number from ${least} on, not '${options[name]}'`)
  return process.exit(64)
}

const port = count('port', 0)
const limits = { timeLimitMs: count('time-limit-ms', 1), machines: count('machines', 1), waiting: count('waiting', 0) }
console.log('Preparing; the very first time this builds the image, which takes a minute …')
const runner = await CodeRunner.open({ homeDir: options.home, ...limits })
const server = createServer({ requestTimeout: 10_000 }, (request, response) => void answer(request, response))
server.listen(port, '127.0.0.1')
await once(server, 'listening')
console.log(`Python for everybody at http://127.0.0.1:${server.address().port}/run, on ${runner.engine}`)
const endings = ['SIGINT', 'SIGTERM']
for (const signal of endings) process.once(signal, shutDown)

async function answer(request, response) {
  const gone = new AbortController()
  // Whoever hangs up takes the machine along.
  response.once('close', () => gone.abort())
  try {
    const result = await runner.run(await readProgram(request), { signal: gone.signal })
    reply(response, 200, result)
  } catch (error) {
    if (gone.signal.aborted) return
    // The rest of what it sends is of no interest, but it has to be done before it listens.
    request.resume()
    const { status, message, headers } = asRefusal(error)
    reply(response, status, { error: message }, headers)
  }
}

/** The Python program in a request's body, or a `Refusal`. */
async function readProgram(request) {
  if (request.url !== '/run') throw new Refusal(404, 'There is only /run')
  if (request.method !== 'POST') throw new Refusal(405, 'Send the program with POST', { allow: 'POST' })
  // A page of another origin cannot send this type without asking first, and nobody answers.
  if (!/^text\/x-python *(;|$)/i.test(request.headers['content-type'] ?? '')) throw new Refusal(415, 'The content type of a program is text/x-python')
  const chunks = []
  let bytes = 0
  // To leave the loop is not to hang up.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length
    if (bytes > programLimitBytes) throw new Refusal(413, `A program has at most ${programLimitBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function asRefusal(error) {
  if (error instanceof Refusal) return error
  if (error instanceof NoTurn) return new Refusal(503, error.message, { 'retry-after': '5' })
  // The client hears that it is not to blame; what went wrong is for whoever runs the server.
  console.error(isBoxLiteError(error) ? `${error.code}: ${error.message} ${error.remedy ?? ''}` : error)
  return new Refusal(500, 'The program could not be run')
}

function reply(response, status, body, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(`${JSON.stringify(body)}\n`)
}

/** Takes no more requests, answers those that it has, and ends the machines. A second signal does not wait. */
async function shutDown() {
  for (const signal of endings) process.removeListener(signal, shutDown)
  console.log('Shutting down; what runs may end')
  const closed = once(server, 'close')
  server.close()
  await runner.close()
  server.closeIdleConnections()
  await closed
}
