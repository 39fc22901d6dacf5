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
interface PlatformTimer {
  /** Of Node alone: the timer does not keep the process. */
  unref?(): unknown
}
declare function setTimeout(call: () => void, milliseconds: number): PlatformTimer
declare function clearTimeout(timer: PlatformTimer | undefined): void
interface AbortSignal {
  readonly aborted: boolean
  // The platforms' own types say any, and an interface that is declared twice must agree.
  // oxlint-disable-next-line no-explicit-any
  readonly reason: any
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
