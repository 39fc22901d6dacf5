// The few globals that Node and browsers share and that ECMAScript does not define. Declared here,
// in this layer alone, so that src/ can use them and nothing else of either platform.

declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>
  encodeInto(text: string, target: Uint8Array): { read: number; written: number }
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean })
  decode(bytes?: Uint8Array | ArrayBuffer, options?: { stream?: boolean }): string
}
declare function atob(text: string): string
declare function btoa(text: string): string
interface AbortSignal {
  readonly aborted: boolean
  // The platforms' own types say any, and an interface that is declared twice must agree.
  // oxlint-disable-next-line no-explicit-any
  readonly reason: any
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}
declare class AbortController {
  readonly signal: AbortSignal
  abort(reason?: unknown): void
}
interface ByteStreamReader {
  read(): Promise<{ done: false; value: Uint8Array } | { done: true; value?: undefined }>
  cancel(): Promise<void>
}
interface ByteStreamWriter {
  write(bytes: Uint8Array): Promise<void>
  close(): Promise<void>
  abort(): Promise<void>
}
declare class DecompressionStream {
  constructor(format: 'deflate-raw')
  readonly readable: { getReader(): ByteStreamReader }
  readonly writable: { getWriter(): ByteStreamWriter }
}
/** What `setTimeout` gives: a number in a page, an object in Node. */
interface Timer {
  /** Of Node alone: the timer does not keep the process. */
  unref?(): unknown
}
declare function setTimeout(callback: () => void, delayMs: number): Timer
declare function clearTimeout(timer: Timer | undefined): void
declare function queueMicrotask(callback: () => void): void
/** A clock that nobody sets. */
declare const performance: { now(): number }
interface ReadableStreamDefaultController<R> {
  enqueue(chunk: R): void
  close(): void
  error(reason?: unknown): void
}
interface ReadableStreamDefaultReader<R> {
  read(): Promise<{ done: false; value: R } | { done: true; value?: R | undefined }>
  cancel(reason?: unknown): Promise<void>
  releaseLock(): void
}
declare class ReadableStream<R> {
  constructor(
    source: {
      pull?: (controller: ReadableStreamDefaultController<R>) => Promise<void>
      cancel?: (reason?: unknown) => void | Promise<void>
    },
    strategy?: { highWaterMark: number },
  )
  readonly locked: boolean
  getReader(): ReadableStreamDefaultReader<R>
  cancel(reason?: unknown): Promise<void>
}
interface WritableStreamDefaultController {
  error(reason?: unknown): void
}
interface WritableStreamDefaultWriter<W> {
  readonly ready: Promise<void>
  write(chunk: W): Promise<void>
  close(): Promise<void>
  abort(reason?: unknown): Promise<void>
  releaseLock(): void
}
declare class WritableStream<W> {
  constructor(
    sink: {
      start?: (controller: WritableStreamDefaultController) => void
      write?: (chunk: W) => Promise<void>
      close?: () => Promise<void>
      abort?: (reason?: unknown) => void | Promise<void>
    },
    strategy?: { highWaterMark: number },
  )
  readonly locked: boolean
  getWriter(): WritableStreamDefaultWriter<W>
  close(): Promise<void>
  abort(reason?: unknown): Promise<void>
}
interface Blob {
  readonly size: number
  stream(): ReadableStream<Uint8Array>
}
declare class URL {
  constructor(url: string, base?: string)
  readonly href: string
  readonly protocol: string
  readonly pathname: string
}
declare function fetch(
  url: string,
  options?: { signal?: AbortSignal },
): Promise<{ readonly ok: boolean; readonly status: number; readonly body: ReadableStream<Uint8Array> | null }>
declare namespace WebAssembly {
  interface Memory {
    readonly buffer: ArrayBuffer
  }
  class Module {
    private constructor()
    static imports(module: Module): { module: string; name: string; kind: string }[]
  }
  interface Instance {
    readonly exports: Record<string, unknown>
  }
  function compile(bytes: Uint8Array<ArrayBuffer>): Promise<Module>
  function instantiate(module: Module): Promise<Instance>
}
interface String {
  isWellFormed(): boolean
}
