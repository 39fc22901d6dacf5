// A command that runs in a box: to be awaited, iterated, read and written as it goes, or left alone.

import { aborted } from '../aborted.ts'
import type { AgentStream, StreamResult } from '../agent/agent-stream.ts'
import { deferred, type Deferred } from '../deferred.ts'
import { StreamKind } from '../agent/protocol.ts'
import { within } from '../agent/within.ts'
import type { Connect } from '../connect.ts'
import { BoxLiteError, isBoxLiteError } from '../error.ts'
import type { Encoding } from './encoding.ts'
import { checkTerminalSize, execRequest, type ExecRequest } from './exec-request.ts'
import { DEFAULT_OUTPUT_BYTES, type ExecEvent, type ExecExit, type ExecOptions, type ExecResult } from './exec-options.ts'
import { failedCommand } from './failed-command.ts'
import { Input } from './input.ts'
import { outputEvents, type Outputs } from './output-events.ts'
import { outputStream } from './output-stream.ts'
import { Output } from './output.ts'
import { signalName, signalNumber, type SignalName } from './signals.ts'
import { startError } from './start-error.ts'

/** How long the agent may take to kill a command and say so. */
const KILL_TIMEOUT_MS = 10_000

/** Why a command is made to end. */
type Stop = { readonly why: 'timeout' } | { readonly why: 'abort' } | { readonly why: 'input'; readonly cause: unknown }

/**
 * A command that was started. Awaited, it gives the whole result; iterated, the output as it comes. Rejects with `not_found` or
 * `invalid_argument` where the command could not be started, `aborted` by its signal, `io` where the box ended first.
 */
export class Execution<T extends string | Uint8Array = string> implements PromiseLike<ExecResult<T>>, AsyncIterable<ExecEvent<T>> {
  readonly #command: string
  readonly #options: ExecOptions
  readonly #encoding: Encoding<T>
  readonly #input: Input
  readonly #outputs: Outputs
  readonly #stream: Deferred<AgentStream> = deferred()
  readonly #stopped: Deferred<Stop> = deferred()
  readonly #result: Promise<ExecResult<T>>
  readonly #terminal: boolean
  #stdout: ReadableStream<T> | null = null
  #stderr: ReadableStream<T> | null = null

  /** Starts the command. `connect` gives the session with the box's agent. For whoever makes boxes; callers use `box.exec`. */
  constructor(connect: Connect, command: string, args: readonly string[], options: ExecOptions, encoding: Encoding<T>) {
    this.#command = command
    this.#options = options
    this.#encoding = encoding
    this.#input = new Input(options.stdin)
    this.#terminal = options.tty !== undefined && options.tty !== false
    const limitBytes = options.maxOutputBytes ?? DEFAULT_OUTPUT_BYTES
    this.#outputs = { stdout: new Output('stdout', limitBytes), stderr: new Output('stderr', limitBytes) }
    this.#result = this.#run(connect, args)
    // Whoever awaits the execution gets its error; nobody has to.
    this.#result.catch(() => {})
  }

  /**
   * Standard input. Taken in the same turn as the call of `exec`, the command has an input until this is closed; on a terminal it
   * always has one. Writes wait for the command to read, and reject with `invalid_state` when it has ended.
   */
  get stdin(): WritableStream<string | Uint8Array> {
    return this.#input.writable(this.#terminal)
  }

  /** Standard output from its beginning, for one reader, at whose pace the command writes. */
  get stdout(): ReadableStream<T> {
    this.#stdout ??= outputStream(this.#outputs.stdout, this.#encoding)
    return this.#stdout
  }

  /** Standard error, likewise. */
  get stderr(): ReadableStream<T> {
    this.#stderr ??= outputStream(this.#outputs.stderr, this.#encoding)
    return this.#stderr
  }

  /** Both outputs as they come, and at last the exit. For one reader, at whose pace the command writes. */
  [Symbol.asyncIterator](): AsyncIterableIterator<ExecEvent<T>> {
    return outputEvents(this.#outputs, this.#encoding, this.#result)
  }

  /** Sends a signal, by default SIGTERM, to the command's process group; nothing when it is over. */
  async kill(signal: SignalName | number = 'SIGTERM'): Promise<void> {
    const number = signalNumber(signal)
    const stream = await this.#running()
    stream?.signal(number)
  }

  /** Says how large the terminal is now, in characters. `invalid_state` for a command without one. */
  async resize(columns: number, rows: number): Promise<void> {
    const size = checkTerminalSize({ columns, rows })
    if (!this.#terminal) throw new BoxLiteError('invalid_state', 'The command has no terminal', { remedy: 'Run it with tty: true.' })
    const stream = await this.#running()
    stream?.resize(size.columns, size.rows)
  }

  /** The result of a command that exited with 0; rejects with `command_failed` or `timeout` otherwise. */
  async orThrow(): Promise<ExecResult<T>> {
    const result = await this.#result
    if (result.exitCode !== 0) throw failedCommand(this.#command, this.#options, result)
    return result
  }

  // To be awaited is what an execution is for.
  // oxlint-disable-next-line no-thenable
  then<A = ExecResult<T>, B = never>(
    onResult?: ((result: ExecResult<T>) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result.then(onResult, onError)
  }

  catch<B = never>(onError?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<ExecResult<T> | B> {
    return this.#result.catch(onError)
  }

  finally(onEnd?: (() => void) | null): Promise<ExecResult<T>> {
    return this.#result.finally(onEnd)
  }

  async #run(connect: Connect, args: readonly string[]): Promise<ExecResult<T>> {
    const { signal } = this.#options
    const { stdout, stderr } = this.#outputs
    const abort = (): void => this.#stopped.resolve({ why: 'abort' })
    signal?.addEventListener('abort', abort)
    try {
      const request = execRequest(this.#command, args, this.#options)
      const result = await this.#follow(await this.#open(connect, request), request.timeoutMs)
      stdout.end()
      stderr.end()
      this.#input.close()
      return result
    } catch (error) {
      this.#stream.reject(error)
      stdout.fail(error)
      stderr.fail(error)
      this.#input.close(error)
      throw error
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  async #open(connect: Connect, request: ExecRequest): Promise<AgentStream> {
    const { signal, onProgress } = this.#options
    if (signal?.aborted === true) throw aborted(signal)
    const stopped = this.#stopped.promise.then(() => {
      throw aborted(signal)
    })
    const session = await Promise.race([connect({ signal, onProgress }), stopped])
    return session.openStream(StreamKind.EXEC, request.fields(this.#input.decide() || this.#terminal), signal === undefined ? {} : { signal })
  }

  /** From the command's way to the guest to its end. */
  async #follow(stream: AgentStream, timeoutMs: number | null): Promise<ExecResult<T>> {
    const startedMs = performance.now()
    const timer = timeoutMs === null ? undefined : setTimeout(() => this.#stopped.resolve({ why: 'timeout' }), timeoutMs)
    this.#stream.resolve(stream)
    const { stdout, stderr } = this.#outputs
    // Both fail only with the session, which `done` tells.
    const pumps = Promise.allSettled([stdout.pump(stream.output), stderr.pump(stream.errors)])
    this.#input.feed(stream).catch((cause: unknown) => this.#stopped.resolve({ why: 'input', cause }))
    try {
      const stop = await Promise.race([stream.done.then(() => null), this.#stopped.promise])
      if (stop !== null) stream.cancel()
      const done = stop === null ? await stream.done : await within(KILL_TIMEOUT_MS, 'The agent of the box', stream.done)
      const durationMs = performance.now() - startedMs
      stdout.hurry()
      stderr.hurry()
      await pumps
      return { ...this.#exit(done, stop, durationMs), stdout: this.#encoding.whole(stdout.kept), stderr: this.#encoding.whole(stderr.kept) }
    } catch (error) {
      throw isBoxLiteError(error) ? this.#withOutput(error) : error
    } finally {
      clearTimeout(timer)
    }
  }

  #exit(done: StreamResult, stop: Stop | null, durationMs: number): ExecExit {
    const truncated = this.#outputs.stdout.kept.overflowed || this.#outputs.stderr.kept.overflowed
    if (stop?.why === 'abort') throw aborted(this.#options.signal)
    if (stop?.why === 'input') throw new BoxLiteError('io', `The input of '${this.#command}' failed`, { cause: stop.cause, fault: 'caller' })
    if (stop?.why === 'timeout') return { exitCode: null, signal: 'SIGKILL', timedOut: true, truncated, durationMs }
    if (done.errno !== 0) throw startError(this.#command, this.#options, done)
    const [killed, number] = [done.fields.u8(1) === 1, done.fields.u32(2)]
    return { exitCode: killed ? null : number, signal: killed ? signalName(number) : null, timedOut: false, truncated, durationMs }
  }

  /** An error of a command that may have written something. */
  #withOutput(error: BoxLiteError): BoxLiteError {
    const [stdout, stderr] = [this.#outputs.stdout.kept, this.#outputs.stderr.kept]
    const facts = { ...error.facts, command: this.#command, stdout: this.#encoding.whole(stdout), stderr: this.#encoding.whole(stderr) }
    const { code, message, remedy, fault, cause } = error
    return new BoxLiteError(code, message, { facts, fault, cause, ...(remedy === undefined ? {} : { remedy }) })
  }

  /** The stream once the command runs; null when it is over or never ran: the result tells why. */
  async #running(): Promise<AgentStream | null> {
    try {
      const stream = await this.#stream.promise
      await stream.opened
      return stream
    } catch {
      return null
    }
  }
}
