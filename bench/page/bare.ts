// The emulator by itself, in a worker of the page: the same kernel, agent and image, with a disk in memory, and nothing kept or checked.

import { blobFile } from '../../hosts/browser/blob-file.ts'
import { EmulatedMachine } from '../../hosts/v86/emulated-machine.ts'
import { AGENT_PORT } from '../../hosts/v86/protocol.ts'
import { AgentSession } from '../../src/agent/session.ts'
import { portableCodec } from '../../src/disk/codec.ts'
import { Disk } from '../../src/disk/disk.ts'
import type { ByteChannel } from '../../src/engine.ts'
import { startExec, startShell } from '../../src/exec/exec.ts'
import type { GuestFile, GuestManifest } from '../../src/guest-manifest.ts'
import { MemoryDisk } from './memory-disk.ts'
import { untilPrompt } from './until-prompt.ts'

const folder = new URL('guest/', location.href)
const diskBytes = 2 ** 30
const memoryMib = 128
const timeoutMs = 120_000

let session: Promise<AgentSession> | null = null

/** `prompt`: boots, and waits for the shell's prompt; anything else is a script to run. Answered when it is done. */
self.addEventListener('message', async ({ data }: MessageEvent<string>) => {
  session ??= boot()
  if (data === 'prompt') await untilPrompt(startShell(() => session!))
  else await startExec(() => session!, 'sh', ['-c', data]).orThrow()
  self.postMessage(null, {})
})

// What fails is told to the page.
self.addEventListener('unhandledrejection', ({ reason }) => reportError(reason))

async function boot(): Promise<AgentSession> {
  const manifest = (await (await fetch(new URL('guest.json', folder))).json()) as GuestManifest
  const load = async ({ file }: GuestFile): Promise<Blob> => (await fetch(new URL(file, folder))).blob()
  const buffer = async (file: GuestFile): Promise<ArrayBuffer> => (await load(file)).arrayBuffer()
  const image = manifest.images.find(({ reference }) => reference === 'base')!
  const [module, firmware, kernel, initrd, file] = await Promise.all([
    buffer(manifest.emulator!).then((bytes) => WebAssembly.compile(bytes)),
    buffer(manifest.firmware),
    buffer(manifest.kernel),
    buffer(manifest.initrd),
    load(image),
  ])
  let receiver: (bytes: Uint8Array) => void = () => undefined
  const machine = await EmulatedMachine.create({
    module,
    files: { firmware, kernel, initrd, commandLine: manifest.commandLine },
    memoryMib,
    serial: 'bench',
    ports: [{ ...AGENT_PORT, received: (bytes) => receiver(bytes), delivered: () => undefined }],
    said: () => undefined,
    ended: () => undefined,
    diskFailed: (error) => console.error(error),
  })
  const layer = { name: image.file, format: 'qcow2', file: blobFile(file) } as const
  machine.attach(new MemoryDisk(await Disk.open([layer], { codec: portableCodec }), diskBytes))
  const port = machine.ports[0]!
  port.open(Number.MAX_SAFE_INTEGER)
  await machine.run()
  const channel: ByteChannel = {
    write: async (bytes) => port.send(bytes.slice()),
    receive: (given) => (receiver = given),
    closed: new Promise(() => undefined),
    close: async () => port.close(),
  }
  return AgentSession.open(channel, { fresh: true, nonce: crypto.getRandomValues(new Uint8Array(16)), timeoutMs })
}
