// Puts an operation into the message that the core's `operationBegin` reads. The order of the fields is the
// one in which core/operation/ reads them.

import type { Guarantees } from '../host.ts'
import { Guarantee, Kind } from './abi.ts'
import type { BoxCreate, Clone, ImageAdd, NewLayer, Operation } from './operation.ts'
import type { MessageWriter } from './wire.ts'

/** Writes `operation` and returns its kind. */
export function encodeOperation(writer: MessageWriter, operation: Operation, guarantees: Guarantees): number {
  writer.number((guarantees.directorySync ? Guarantee.DIRECTORY_SYNC : 0) | (guarantees.transactions ? Guarantee.TRANSACTIONS : 0))
  switch (operation.kind) {
    case 'box.create':
      encodeBoxCreate(writer, operation)
      return Kind.BOX_CREATE
    case 'box.remove':
      writer.text(operation.boxId).number(operation.force ? 1 : 0)
      return Kind.BOX_REMOVE
    case 'box.start':
      writer.text(operation.boxId).text(JSON.stringify(operation.machine))
      return Kind.BOX_START
    case 'box.stop':
      writer.text(operation.boxId)
      return Kind.BOX_STOP
    case 'snapshot.create':
      writer.text(operation.boxId).text(operation.name).text(operation.description)
      writer.text(operation.snapshotId).text(operation.layerId).number(operation.nowMs)
      return Kind.SNAPSHOT_CREATE
    case 'snapshot.restore':
      writer.text(operation.boxId).text(operation.snapshot).text(operation.layerId).number(operation.nowMs)
      writer.number(operation.keepCurrent ? 1 : 0)
      if (operation.keepCurrent) writer.text(operation.keepCurrent.name).text(operation.keepCurrent.snapshotId)
      return Kind.SNAPSHOT_RESTORE
    case 'snapshot.remove':
      writer.text(operation.boxId).text(operation.snapshot)
      return Kind.SNAPSHOT_REMOVE
    case 'clone':
      encodeClone(writer, operation)
      return Kind.CLONE
    case 'recover':
      writer.text(operation.boxId)
      return Kind.RECOVER
    case 'collect':
      writer.number(operation.dryRun ? 1 : 0)
      return Kind.COLLECT
    case 'merge':
      writer.text(operation.temporaryId).number(operation.limit)
      return Kind.MERGE
    case 'image.add':
      encodeImageAdd(writer, operation)
      return Kind.IMAGE_ADD
    case 'image.remove':
      writer.text(operation.imageId)
      return Kind.IMAGE_REMOVE
  }
}

function encodeBoxCreate(writer: MessageWriter, operation: BoxCreate): void {
  writer.text(operation.boxId).optionalText(operation.name).text(JSON.stringify(operation.config))
  encodeLayers(writer, operation.layers)
  writer.optionalText(operation.image).text(operation.layerId).optionalText(operation.base).number(operation.sizeBytes ?? -1)
  writer.optionalText(operation.liveParent).number(operation.snapshots.length)
  for (const snapshot of operation.snapshots) {
    writer.text(snapshot.id).text(snapshot.name).text(snapshot.description).text(snapshot.layer).number(snapshot.createdAt)
    writer.number(Number(snapshot.virtualSizeBytes)).optionalText(snapshot.parent).text(snapshot.consistency)
  }
}

function encodeClone(writer: MessageWriter, operation: Clone): void {
  writer.text(operation.boxId).optionalText(operation.snapshot).text(operation.cloneId).optionalText(operation.name)
  writer.optionalText(operation.config === null ? null : JSON.stringify(operation.config))
  writer.text(operation.cloneLayerId).text(operation.layerId)
}

function encodeImageAdd(writer: MessageWriter, operation: ImageAdd): void {
  writer.text(operation.imageId).text(operation.reference).number(operation.nowMs)
  encodeLayers(writer, operation.layers)
}

function encodeLayers(writer: MessageWriter, layers: readonly NewLayer[]): void {
  writer.number(layers.length)
  for (const layer of layers) writer.text(layer.name).optionalText(layer.parent)
}
