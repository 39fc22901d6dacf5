// Puts the core's reasons for a failure into words.

import { fieldName } from '../disk/refusal.ts'
import { BoxLiteError, isBoxLiteError, type ErrorCode } from '../error.ts'
import { nameMessage } from '../name.ts'
import { Reason, Status } from './abi.ts'
import type { Operation } from './operation.ts'
import type { MessageReader } from './wire.ts'

/** The code of each `Status`. */
export const codes = Object.keys(Status).map((code) => code.toLowerCase()) as ('ok' | ErrorCode)[]

/**
 * The error that a failed operation rejects with. `errors[i]` is what effect number `i` failed with, or null. `nameOf` knows names
 * of boxes, by which people know them.
 */
export function describeFailure(
  operation: Operation,
  end: MessageReader,
  errors: readonly unknown[],
  nameOf: (boxId: string) => string | null = () => null,
): BoxLiteError {
  const code = codes[end.number()] as ErrorCode
  const reason = end.number()
  const effect = end.number()
  const subject = end.text()
  const detail = end.number()
  const boxId = 'boxId' in operation ? operation.boxId : ''
  const cause = effect < 0 ? undefined : errors[effect]
  const called = { subject: nameOf(subject) ?? subject, box: nameOf(boxId) ?? boxId }
  const { message, remedy } = words(reason, operation, { ...called, boxId, detail, cause })
  return new BoxLiteError(code, message, {
    ...(remedy === undefined ? {} : { remedy }),
    ...(cause === undefined || cause === null ? {} : { cause }),
    facts: {
      operation: operation.kind,
      reason: reasonNames[reason],
      detail,
      ...(boxId === '' ? {} : { boxId }),
      ...(subject === '' ? {} : { subject }),
    },
  })
}

/** The name of each `Reason`, as facts say it. */
export const reasonNames: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(Reason).map(([name, value]) => [value, name.toLowerCase()]),
)

/** What each operation does, in words. */
const verbs: Readonly<Record<Operation['kind'], string>> = {
  'box.create': 'make the box',
  'box.remove': 'remove the box',
  'box.start': 'start the box',
  'box.stop': 'stop the box',
  'snapshot.create': 'make the snapshot',
  'snapshot.restore': 'restore the snapshot',
  'snapshot.remove': 'remove the snapshot',
  clone: 'clone the box',
  recover: 'recover the box',
  collect: 'collect what nothing reaches',
  merge: 'fold layers',
  'image.add': 'add the image',
  'image.remove': 'remove the image',
}

interface Case {
  readonly subject: string
  readonly detail: number
  readonly boxId: string
  /** The box by its name, where it has one. */
  readonly box: string
  readonly cause: unknown
}

interface Words {
  readonly message: string
  readonly remedy?: string
}

const retry = 'Try again when the other process or tab is done.'
const giveUp = 'Put the record back from a backup, or remove the box with force: the next prune then deletes the disks that only this record names.'
const inspect = "Run 'boxlite fsck' to see what is wrong in the home."

function words(reason: number, operation: Operation, { subject, detail, boxId, box, cause }: Case): Words {
  switch (reason) {
    case Reason.EFFECT:
      return { message: `Cannot ${verbs[operation.kind]}: ${messageOf(cause)}`, ...remedyOf(cause) }
    case Reason.BAD_NAME:
      return { message: nameMessage(detail, operation.kind.startsWith('snapshot') ? 'Snapshot' : 'Box', subject), remedy: 'Choose another name.' }
    case Reason.BAD_INPUT:
      return { message: `${operation.kind}: ${subject} is not valid`, remedy: 'Correct the call.' }
    case Reason.BOX_NOT_FOUND:
      return { message: `box '${subject}' not found`, remedy: "Run 'boxlite ls' to see the boxes there are." }
    case Reason.BOX_EXISTS:
      return { message: `box '${subject}' already exists`, remedy: 'Choose another name, or remove that box.' }
    case Reason.SNAPSHOT_NOT_FOUND:
      return { message: `snapshot '${subject}' not found for box '${boxId}'`, remedy: "Run 'boxlite snapshot ls' to see its snapshots." }
    case Reason.SNAPSHOT_EXISTS:
      return { message: `snapshot '${subject}' already exists for box '${boxId}'`, remedy: 'Choose another name, or remove that snapshot.' }
    case Reason.IMAGE_NOT_FOUND:
      return { message: `image '${subject}' not found`, remedy: 'Import the image first.' }
    case Reason.IMAGE_EXISTS:
      return { message: `image '${subject}' already exists`, remedy: 'Use the one that is there, or remove it first.' }
    case Reason.BOX_ACTIVE:
      return activeWords(operation)
    case Reason.RECORD_CORRUPT:
      return { message: `the record of '${subject}' is damaged at byte ${detail}`, remedy: operation.kind === 'box.remove' ? giveUp : inspect }
    default:
      return hostWords(reason, { subject, detail, boxId, box, cause })
  }
}

function activeWords(operation: Operation): Words {
  switch (operation.kind) {
    case 'snapshot.restore':
      return { message: 'Cannot restore snapshot while box is running. Stop the box first.', remedy: 'Or restore it with restart.' }
    case 'box.remove':
      return { message: 'Cannot remove box while it is running. Stop the box first.', remedy: 'Or remove it with force.' }
    default:
      return { message: 'Cannot start box: it is running already.', remedy: 'Use the machine that runs.' }
  }
}

function hostWords(reason: number, { subject, detail, box, cause }: Case): Words {
  switch (reason) {
    case Reason.LOCKED_BOX:
      return { message: `box '${subject}' is in use by another process or tab`, remedy: retry }
    case Reason.LOCKED_HOME:
      return { message: 'the home is in use by another process or tab', remedy: retry }
    case Reason.LOCKED_NAME:
      return { message: `another process or tab is making '${subject}' at this moment`, remedy: retry }
    case Reason.RECORD_CHANGED:
      return { message: `the record of '${subject}' was changed by someone else; nothing was done`, remedy: retry }
    case Reason.RECORD_FORMAT:
      return {
        message: `the record of '${subject}' has format version ${detail}, which this version does not know`,
        remedy: 'Use a newer version of boxlite.',
      }
    case Reason.TAKEN_BACK:
      return { message: `the change could not be made durable and was taken back: ${messageOf(cause)}`, ...remedyOf(cause) }
    case Reason.BOX_FAILED:
      return {
        message: `box '${box}' failed: a change could neither be made durable nor taken back: ${messageOf(cause)}`,
        remedy: 'Repair the storage below the home, then start the box again; no data was deleted.',
      }
    case Reason.SWITCH_UNDONE:
      return { message: `the running machine could not move to the new layer; the snapshot was taken back: ${messageOf(cause)}` }
    case Reason.MACHINE_KILLED:
      return { message: `the running machine stopped answering and was ended: ${messageOf(cause)}`, remedy: 'Start the box again.' }
    case Reason.MACHINE_SILENT:
      return { message: `the machine of box '${box}' does not answer`, remedy: 'Stop the box, with force if need be.' }
    default:
      return layerWords(reason, subject, detail)
  }
}

function layerWords(reason: number, subject: string, detail: number): Words {
  switch (reason) {
    case Reason.LAYER_MISSING:
      return { message: `layer '${subject}' is missing`, remedy: inspect }
    case Reason.LAYER_REFUSED:
      return { message: `layer '${subject}' cannot be used: its ${fieldName(detail)} is refused`, remedy: inspect }
    case Reason.LAYER_PARENT:
      return { message: `layer '${subject}' names a backing file that it must not`, remedy: inspect }
    case Reason.CHAIN_CYCLE:
      return { message: `the backing files of layer '${subject}' form a circle`, remedy: inspect }
    case Reason.CHAIN_TOO_LONG:
      return { message: `the chain of layer '${subject}' is longer than ${detail} layers`, remedy: "Remove snapshots and run 'boxlite prune'." }
    case Reason.TOO_MANY_SNAPSHOTS:
      return { message: `a box has at most ${detail} snapshots`, remedy: 'Remove snapshots first.' }
    case Reason.RECORD_TOO_LARGE:
      return { message: `the record would be over ${detail} bytes`, remedy: 'Remove snapshots, or shorten their descriptions.' }
    case Reason.TOO_SMALL:
      return { message: `the disk must not be smaller than the ${detail} bytes it starts from`, remedy: 'Choose a larger disk.' }
    case Reason.OUT_OF_MEMORY:
      return { message: 'the operation needs more memory than the core may take', remedy: 'Use fewer layers in one home.' }
    case Reason.TOO_MANY_LAYERS:
      return { message: `the home has more than ${detail} layers`, remedy: 'Remove boxes or snapshots, or use another home.' }
    default:
      throw new Error(`the core gave an unknown reason: ${reason}`)
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : 'no cause is known'
}

function remedyOf(cause: unknown): { remedy?: string } {
  return isBoxLiteError(cause) && cause.remedy !== undefined ? { remedy: cause.remedy } : {}
}
