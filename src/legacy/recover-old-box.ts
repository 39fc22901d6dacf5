// Carries out the recovery of a box of the prior implementation that the core decides (core/legacy/recover.ts).

import type { Core } from '../core/core.ts'
import { BoxLiteError, isBoxLiteError } from '../error.ts'
import { Status, Step } from '../operation/abi.ts'
import { MessageReader, MessageWriter } from '../operation/wire.ts'
import type { EntryKind } from '../store/file-system.ts'
import { OldEffect, OldFate, OldKind } from './abi.ts'
import { listOldDisks, type OldFiles } from './old-files.ts'

/** How the recovery of a box ended; core/legacy/abi.ts explains each. */
export type OldFateName = 'none' | 'restored' | 'finished' | 'not_made' | 'unrelated' | 'lost' | 'ambiguous' | 'strange' | 'damaged'

/** What was found, and done. */
export interface OldRecovery {
  readonly fate: OldFateName
  /** Path of the disk that is the live disk again. */
  readonly moved: string | null
  /** The snapshot that was being made. */
  readonly snapshot: string | null
  /** Where the marker was moved, when it was not understood or a person has to look. */
  readonly markerAside: string | null
  /** What a person has to look at, in words; null when everything is settled. */
  readonly attention: string | null
}

/** Most of a marker, and of the head of a disk, that is read. */
const READ_LIMIT_BYTES = 64 * 1024

const fates = Object.keys(OldFate).map((name) => name.toLowerCase()) as OldFateName[]
const codes = Object.keys(Status).map((code) => code.toLowerCase())

/**
 * Settles a snapshot that the prior implementation began on box `boxId` of the home `files` and did not finish. Rejects with
 * what failed; everything is then kept as it is, and the call can be made again. No machine of the box may live.
 */
export async function recoverOldBox(core: Core, files: OldFiles, boxId: string): Promise<OldRecovery> {
  const { exports } = core
  const answer = new MessageWriter()
  let failure: unknown = null
  exports.reset()
  core.put(answer.text(boxId).message)
  let step = exports.oldBoxBegin(answer.message.length)
  while (step === Step.EFFECT) {
    let status: number = Status.OK
    answer.clear()
    try {
      await carryOut(files, new MessageReader(core.bytes, core.reserve(0)), answer)
    } catch (error) {
      failure = error
      answer.clear()
      status = isBoxLiteError(error) ? codes.indexOf(error.code) : Status.IO
    }
    core.put(answer.message)
    step = exports.oldBoxResume(status, answer.message.length)
  }
  const end = new MessageReader(core.bytes, core.reserve(0))
  if (step !== Step.DONE) throw failed(boxId, end.number(), failure)
  const [fate, moved, snapshot, markerAside] = [fates[end.number()] as OldFateName, end.text(), end.text(), end.text()]
  return { fate, moved: moved || null, snapshot: snapshot || null, markerAside: markerAside || null, attention: attentionOf(fate, snapshot) }
}

async function carryOut(files: OldFiles, message: MessageReader, answer: MessageWriter): Promise<void> {
  const effect = message.number()
  const path = message.text()
  switch (effect) {
    case OldEffect.KIND: {
      const kind = await files.kind(path)
      answer.number(kindCode(kind)).text(kind === 'file' ? ((await files.identity?.(path)) ?? '') : '')
      return
    }
    case OldEffect.READ:
      answer.bytes((await files.readFile(path, READ_LIMIT_BYTES)) ?? new Uint8Array(0))
      return
    case OldEffect.LIST:
      answer.number((await files.list(path)).length)
      return
    case OldEffect.LIST_DISKS: {
      const disks = await listOldDisks(files)
      answer.number(disks.length)
      for (const disk of disks) answer.text(disk.path).number(disk.modifiedMs).text(disk.identity)
      return
    }
    case OldEffect.READ_HEAD: {
      const { bytes, fileBytes } = await files.readHead(path, READ_LIMIT_BYTES)
      answer.number(fileBytes).bytes(bytes)
      return
    }
    case OldEffect.RENAME:
      return files.rename(path, message.text())
    case OldEffect.LINK:
      return files.link === undefined ? files.rename(path, message.text()) : files.link(path, message.text())
    case OldEffect.SYNC:
      return files.syncDirectory(path)
    case OldEffect.REMOVE_DIRECTORY:
      return files.removeDirectory(path)
    case OldEffect.REMOVE:
      return files.unlink(path)
    default:
      throw new Error(`the core asked for an unknown effect: ${effect}`)
  }
}

function kindCode(kind: EntryKind | null): number {
  if (kind === null) return OldKind.ABSENT
  if (kind === 'file') return OldKind.FILE
  return kind === 'directory' ? OldKind.DIRECTORY : OldKind.OTHER
}

function failed(boxId: string, status: number, cause: unknown): unknown {
  if (cause !== null && isBoxLiteError(cause) && codes[status] === cause.code) return cause
  if (status === Status.INVALID_ARGUMENT) return new BoxLiteError('invalid_argument', `'${boxId}' is not the id of a box`, { facts: { boxId } })
  if (status === Status.NOT_FOUND) return new BoxLiteError('not_found', `there is no box '${boxId}' in the old home`, { facts: { boxId } })
  if (status === Status.LIMIT) return new BoxLiteError('limit', `the old home of box '${boxId}' holds too much to be looked at`, { facts: { boxId } })
  return cause
}

function attentionOf(fate: OldFateName, snapshot: string): string | null {
  switch (fate) {
    case 'unrelated':
      return `The live disk does not stand on the disk of snapshot '${snapshot}'. Both were kept; compare them before you use either.`
    case 'lost':
      return 'The live disk is missing, and no disk was found that could be it. Restore the box from a backup or from one of its snapshots.'
    case 'ambiguous':
      return 'The live disk is missing, and more than one disk could be it. Nothing was moved; put the right one back by hand.'
    case 'strange':
      return 'Something that is neither a directory nor a file, a symbolic link perhaps, stands where a disk belongs. Nothing was touched.'
    case 'damaged':
      return 'The marker of an unfinished snapshot cannot be read, and the live disk is no disk image. Compare it with the snapshots.'
    default:
      return null
  }
}
