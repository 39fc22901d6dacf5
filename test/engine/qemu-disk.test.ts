// A disk under QEMU: chains as long as they may be, and what becomes of an error.
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { CHAIN_LIMIT_LAYERS } from '../../hosts/node/qemu/block-nodes.ts'
import { QemuEngine } from '../../hosts/node/qemu/engine.ts'
import type { Machine } from '../../src/engine.ts'
import { isBoxLiteError } from '../../src/error.ts'
import { count } from '../counts.ts'
import { errorCode } from '../error-code.ts'
import { bootDiskGuest, type GuestHome, nextRound } from './disk-guest.ts'
import { useDiskGuest } from './use-disk-guest.ts'

const LONG_CHAIN_LAYERS = count(100, CHAIN_LIMIT_LAYERS)

describe('a disk under QEMU', () => {
  const user = useDiskGuest()
  let missing: string | null

  beforeAll(async () => {
    const { accelerator, refused } = await engine().probe()
    missing = accelerator === null ? refused.map(({ reason }) => reason).join(' ') : null
  })

  const engine = (edit = bootDiskGuest(user.rom)): QemuEngine =>
    new QemuEngine({ cacheFile: join(user.directory, 'probe.json'), accelerator: 'tcg', edit })

  const start = async (from: QemuEngine, place: GuestHome, disk: readonly string[]): Promise<Machine> =>
    user.launch(await from.prepare(place.spec(disk, user.guest)))

  const check = (sentence: string, test: () => Promise<void>): void => {
    it(sentence, async (context) => {
      if (missing !== null) return context.skip(missing)
      await test()
    })
  }

  check(`may be a chain of ${LONG_CHAIN_LAYERS} layers, which the guest reads to the base and which is switched as any other`, async () => {
    const { place, disk } = await user.home()
    while (disk.length < LONG_CHAIN_LAYERS - 1) disk.unshift(await place.overlay(disk[0]!))
    const machine = await start(engine(), place, disk)
    // What to do stands in the base alone, so it was read through every layer.
    const round = await nextRound(machine)
    const top = await place.overlay(disk[0]!)
    await machine.pause()
    await machine.flush()
    await machine.switchTo(top)
    await machine.resume()
    await nextRound(machine, round)
    expect(await machine.status()).toEqual({ state: 'running', open: top })
  })

  check('tells a flush that fails, and the guest its own', async () => {
    const { place, disk } = await user.home()
    const failing = (args: readonly string[]): readonly string[] => bootDiskGuest(user.rom)(args).map((word) => failFlushes(word, disk[0]!))
    const machine = await start(engine(failing), place, disk)
    // The guest's first flush fails, so it reached the file.
    await expect(nextRound(machine)).rejects.toThrow('x00000001')
    await machine.pause()
    expect(await errorCode(machine.flush())).toBe('io')
  })

  check('says what is wrong with a layer, and that another machine has it', async () => {
    const { place, disk } = await user.home()
    await start(engine(), place, disk)
    const { place: second } = await user.home()
    const prepared = await engine().prepare({ ...place.spec(disk, user.guest), boxId: second.boxId })
    const error = await prepared.launch().catch((cause: unknown) => cause)
    expect(isBoxLiteError(error, 'busy') && error.message).toContain('lock')
    const broken = await second.overlay(second.base)
    const file = await second.store.openLayer(broken, 'write')
    await file.write(new Uint8Array(4), 0)
    await file.close()
    expect(await errorCode(start(engine(), second, [broken, second.base]))).toBe('io')
  })
})

/** Puts QEMU's fault injector between a layer and its file: every flush of the file fails. */
function failFlushes(word: string, layer: string): string {
  if (!word.startsWith('{') || !word.includes(`"filename":"${layer}"`)) return word
  const { file, ...node } = JSON.parse(word) as { file: Record<string, unknown> }
  const { 'node-name': name, ...image } = file
  const errors = [{ event: 'none', iotype: 'flush', errno: 5, once: false, immediately: true }]
  return JSON.stringify({ ...node, file: { driver: 'blkdebug', 'node-name': name, image, 'inject-error': errors } })
}
