// Recovery of a box of the prior implementation that died while it made a snapshot. There a snapshot was: write the marker,
// move `disks/disk.qcow2` to `snapshots/<name>/disk.qcow2`, make an overlay in its place, remove the marker.
//
//   marker -> which snapshot -> what is there -> live | snapshot disk
//                                                missing | present   move it back, then its empty directory goes
//                                                present | present   finished when the one backs on the other, else UNRELATED
//                                                missing | missing   LOST
//                                                present | missing   never made
//
// A marker of the older form means the newest of `bases/`, if it is the only one there that no disk of the home backs on. A
// marker that cannot be read or understood means the one disk, among this box's snapshots and the bases, that no disk of the
// home backs on. Where there are several such disks: AMBIGUOUS.
//
// The marker goes last: removed when the matter is settled, moved aside when it was invalid or when a person has to look. Any
// effect that fails (reading the marker aside) stops the recovery with everything kept, and it can be run again.
//
// Effects, with their fields and those of their answers:
//   KIND path -> OldKind, identity  READ path -> bytes         LIST path -> number of names in it
//   LIST_DISKS -> count, (path, time of last change, identity)...  READ_HEAD path -> length of the file, its first 64 KiB
//   RENAME from, to      LINK from, to      SYNC directory      REMOVE_DIRECTORY path      REMOVE path
//
// A disk is moved by giving it its new name, which must be free, and only when that is durable taking the old one away: a
// rename between two directories may be torn in two. A move that was cut leaves one file under two names, told by its
// identity, and goes on. (Where files cannot have two names the host renames, and the old name is gone already.)

import { judgeName } from '../name'
import { keepBytes, fieldBytes, getInteger, getBytes, messageEnds, openAnswer, openMessage, putBytes, putNumber } from '../operation/message'
import { Status, Step } from '../operation/abi'
import { ASIDE_LIMIT } from '../limits'
import { sameBytes, startsWith } from '../text'
import { NameVerdict } from '../verdict'
import { OldEffect, OldFate, OldKind } from './abi'
import { chooseBase, chooseSnapshot, Choice, findTwin, freeBases } from './choose'
import { backingBytes, backingStart, disk, diskCount, endsAlike, isImage, readBacking, resetDisks, takeDisks } from './disks'
import { MarkerForm, readMarker, snapshotName, snapshotNameBytes } from './marker'
import { Phase } from './phase'
import { addNumber, boxPath, homePath, lastComponents, pathBytes, pathStart, setBox, snapshotPath } from './paths'

let phase: i32 = Phase.IDLE
let form: i32 = MarkerForm.INVALID
let fate: i32 = OldFate.NONE
let liveIsThere = false
let diskIsThere = false
/** What tells the live disk's file from any other. */
let identity: usize = 0
let identityBytes: u32 = 0
let isTwin = false
let nextDisk: u32 = 0
let asideNumber: u32 = 0
/** The snapshot's name; 0 while none is known. */
let name: usize = 0
let nameBytes: u32 = 0
/** What is moved to be the live disk. */
let source: usize = 0
let sourceBytes: u32 = 0
/** Where the marker is moved, when it is. */
let aside: usize = 0
let asideBytes: u32 = 0

/** Forgets the recovery. */
export function resetOldBox(): void {
  phase = Phase.IDLE
}

/** Begins the recovery of the box whose id is the message; an id that is no name ends in FAILED. Answers a `Step`. */
export function oldBoxBegin(messageBytes: u32): i32 {
  openMessage(messageBytes)
  const id = keepBytes()
  if (!messageEnds() || judgeName(id, fieldBytes) != NameVerdict.OK) return failed(Status.INVALID_ARGUMENT)
  setBox(id, fieldBytes)
  resetDisks()
  form = MarkerForm.INVALID
  fate = OldFate.NONE
  name = 0
  nameBytes = 0
  source = 0
  sourceBytes = 0
  aside = 0
  asideBytes = 0
  asideNumber = 0
  nextDisk = 0
  liveIsThere = false
  diskIsThere = false
  isTwin = false
  return ask(OldEffect.KIND, homePath('boxes'), Phase.BOXES)
}

/** Goes on with the answer to the effect. A `status` other than 0 says that the effect failed. Answers a `Step`. */
export function oldBoxResume(status: i32, messageBytes: u32): i32 {
  if (phase == Phase.IDLE || phase == Phase.END) return Step.ILLEGAL
  const isGone = status == Status.NOT_FOUND && phase == Phase.UNLINKED
  if (status != Status.OK && !isGone && phase != Phase.MARKER_BYTES) return failed(status)
  openMessage(messageBytes)
  if (phase <= Phase.MARKER_BYTES) return lookAtMarker(status)
  if (phase <= Phase.SNAPSHOT_DISK) return lookAtDisks()
  if (phase <= Phase.DISK_HEAD) return lookForDisk()
  if (phase <= Phase.LEFTOVER_SYNCED) return moveBack()
  return endMarker()
}

function lookAtMarker(status: i32): i32 {
  if (phase == Phase.MARKER_BYTES) {
    form = status == Status.OK ? readMarker(getBytes(), fieldBytes) : MarkerForm.INVALID
    if (form == MarkerForm.CURRENT) {
      name = snapshotName
      nameBytes = snapshotNameBytes
    }
    return ask(OldEffect.KIND, boxPath('/disks'), Phase.DISKS)
  }
  const kind = <i32>getInteger()
  if (phase == Phase.MARKER) {
    if (kind == OldKind.ABSENT) return done()
    if (kind == OldKind.FILE) return ask(OldEffect.READ, boxPath('/.snapshot_pending'), Phase.MARKER_BYTES)
    return ask(OldEffect.KIND, boxPath('/disks'), Phase.DISKS)
  }
  if (kind == OldKind.ABSENT) return failed(Status.NOT_FOUND)
  if (kind != OldKind.DIRECTORY) return strange()
  if (phase == Phase.BOXES) return ask(OldEffect.KIND, boxPath(''), Phase.BOX)
  return ask(OldEffect.KIND, boxPath('/.snapshot_pending'), Phase.MARKER)
}

/** From the directories down: a path below something that is no directory is never asked for. */
function lookAtDisks(): i32 {
  const kind = <i32>getInteger()
  const isDisk = phase == Phase.LIVE || phase == Phase.SNAPSHOT_DISK
  if (kind != OldKind.ABSENT && kind != (isDisk ? OldKind.FILE : OldKind.DIRECTORY)) return strange()
  const there = kind != OldKind.ABSENT
  switch (phase) {
    case Phase.DISKS:
      // Without it there is nowhere to move a disk back to.
      return there ? ask(OldEffect.KIND, boxPath('/disks/disk.qcow2'), Phase.LIVE) : strange()
    case Phase.LIVE:
      liveIsThere = there
      identity = keepBytes()
      identityBytes = fieldBytes
      if (form == MarkerForm.CURRENT) return ask(OldEffect.KIND, boxPath('/snapshots'), Phase.SNAPSHOTS)
      if (!there && form == MarkerForm.OLDER) return ask(OldEffect.KIND, homePath('bases'), Phase.BASES)
      return ask(OldEffect.LIST_DISKS, homePath(''), Phase.DISK_LIST)
    case Phase.SNAPSHOTS:
      return there ? ask(OldEffect.KIND, snapshotPath(name, nameBytes, ''), Phase.SNAPSHOT) : decide()
    case Phase.SNAPSHOT:
      return there ? ask(OldEffect.KIND, snapshotPath(name, nameBytes, '/disk.qcow2'), Phase.SNAPSHOT_DISK) : decide()
    default:
      diskIsThere = there
      isTwin = sameBytes(getBytes(), fieldBytes, identity, identityBytes) && identityBytes != 0
      return decide()
  }
}

/** The table. */
function decide(): i32 {
  if (liveIsThere && diskIsThere && !isTwin) return ask(OldEffect.READ_HEAD, boxPath('/disks/disk.qcow2'), Phase.LIVE_HEAD)
  if (liveIsThere && !diskIsThere) return leftover(OldFate.NOT_MADE)
  if (!diskIsThere) return settle(OldFate.LOST)
  if (!snapshotPath(name, nameBytes, '/disk.qcow2')) return failed(Status.LIMIT)
  return move(pathStart, pathBytes)
}

function lookForDisk(): i32 {
  switch (phase) {
    case Phase.LIVE_HEAD: {
      if (form != MarkerForm.CURRENT) return settle(readBacking() && isImage ? OldFate.NOT_MADE : OldFate.DAMAGED)
      if (!readBacking() || !snapshotPath(name, nameBytes, '/disk.qcow2')) return settle(OldFate.UNRELATED)
      return settle(endsAlike(backingStart, backingBytes, pathStart, pathBytes, 3) ? OldFate.FINISHED : OldFate.UNRELATED)
    }
    case Phase.BASES: {
      const kind = <i32>getInteger()
      if (kind == OldKind.ABSENT) return settle(OldFate.LOST)
      if (kind != OldKind.DIRECTORY) return strange()
      return ask(OldEffect.LIST_DISKS, homePath(''), Phase.DISK_LIST)
    }
    case Phase.DISK_LIST:
      if (!takeDisks()) return failed(Status.LIMIT)
      return liveIsThere ? moveTwin() : nextHead()
    default: {
      // A chain that cannot be read may need any of them.
      if (!readBacking()) return settle(OldFate.AMBIGUOUS)
      const entry = disk(nextDisk++)
      entry.backing = backingStart
      entry.backingBytes = backingBytes
      return nextHead()
    }
  }
}

function nextHead(): i32 {
  if (nextDisk == diskCount) return moveChosen()
  const entry = disk(nextDisk)
  return askAt(OldEffect.READ_HEAD, entry.path, entry.pathBytes, Phase.DISK_HEAD)
}

/** Goes on with a move that was cut; where there is none, the live disk has to be one. */
function moveTwin(): i32 {
  const found = findTwin()
  return found == Choice.NOTHING ? ask(OldEffect.READ_HEAD, boxPath('/disks/disk.qcow2'), Phase.LIVE_HEAD) : moveDisk(found)
}

/** The disk that the state on disk speaks for. A marker that cannot be understood may have been one of the older form. */
function moveChosen(): i32 {
  const base = chooseBase()
  const snapshot = form == MarkerForm.OLDER ? Choice.NOTHING : chooseSnapshot()
  if (snapshot == Choice.NOTHING || base == Choice.NO_MEMORY) return moveDisk(base)
  return moveDisk(snapshot >= 0 && freeBases > 0 ? Choice.SEVERAL : snapshot)
}

/** Moves the disk `found`, or says that there is none or not one. */
function moveDisk(found: i32): i32 {
  if (found == Choice.NO_MEMORY) return failed(Status.LIMIT)
  if (found < 0) return settle(found == Choice.NOTHING ? OldFate.LOST : OldFate.AMBIGUOUS)
  const entry = disk(found)
  isTwin = liveIsThere
  if (startsWith(entry.path, entry.pathBytes, 'boxes/')) {
    // boxes/<id>/snapshots/<name>/disk.qcow2
    name = lastComponents(entry.path, entry.pathBytes, 2)
    nameBytes = <u32>(lastComponents(entry.path, entry.pathBytes, 1) - 1 - name)
  }
  return move(entry.path, entry.pathBytes)
}

/** The disk goes back to be the live disk. As its twin it is that already. */
function move(from: usize, fromBytes: u32): i32 {
  source = from
  sourceBytes = fromBytes
  fate = OldFate.RESTORED
  if (isTwin) return ask(OldEffect.SYNC, boxPath('/disks'), Phase.MOVED_IN)
  if (!boxPath('/disks/disk.qcow2') || !openAnswer(sourceBytes + pathBytes + 64)) return failed(Status.LIMIT)
  putNumber(OldEffect.LINK)
  putBytes(source, sourceBytes)
  putBytes(pathStart, pathBytes)
  phase = Phase.LINKED
  return Step.EFFECT
}

function moveBack(): i32 {
  switch (phase) {
    case Phase.LINKED:
      return ask(OldEffect.SYNC, boxPath('/disks'), Phase.MOVED_IN)
    case Phase.MOVED_IN:
      return askAt(OldEffect.REMOVE, source, sourceBytes, Phase.UNLINKED)
    case Phase.UNLINKED:
      return askAt(OldEffect.SYNC, source, <u32>(lastComponents(source, sourceBytes, 1) - 1 - source), Phase.MOVED_OUT)
    case Phase.MOVED_OUT:
      return name == 0 ? settle(fate) : leftover(fate)
    case Phase.LEFTOVER:
      if (<i32>getInteger() != OldKind.DIRECTORY) return settle(fate)
      return ask(OldEffect.LIST, snapshotPath(name, nameBytes, ''), Phase.LEFTOVER_LIST)
    case Phase.LEFTOVER_LIST:
      // Whatever else lies in it stays.
      if (getInteger() != 0) return settle(fate)
      return ask(OldEffect.REMOVE_DIRECTORY, snapshotPath(name, nameBytes, ''), Phase.LEFTOVER_REMOVED)
    case Phase.LEFTOVER_REMOVED:
      return ask(OldEffect.SYNC, boxPath('/snapshots'), Phase.LEFTOVER_SYNCED)
    default:
      return settle(fate)
  }
}

/** Takes the snapshot's directory away, if it is there and empty. */
function leftover(how: i32): i32 {
  fate = how
  return ask(OldEffect.KIND, snapshotPath(name, nameBytes, ''), Phase.LEFTOVER)
}

/** Nothing is left to do but to take the marker away. */
function settle(how: i32): i32 {
  fate = how
  const clear = fate == OldFate.RESTORED || fate == OldFate.FINISHED || fate == OldFate.NOT_MADE
  if (form != MarkerForm.INVALID && clear) return ask(OldEffect.REMOVE, boxPath('/.snapshot_pending'), Phase.MARKER_GONE)
  return tryAside()
}

/** Asks whether the next name for a marker moved aside is free. */
function tryAside(): i32 {
  if (asideNumber == ASIDE_LIMIT || !boxPath('/.snapshot_pending.aside-')) return failed(Status.LIMIT)
  addNumber(++asideNumber)
  aside = pathStart
  asideBytes = pathBytes
  return askAt(OldEffect.KIND, aside, asideBytes, Phase.ASIDE)
}

function endMarker(): i32 {
  if (phase == Phase.MARKER_GONE) return ask(OldEffect.SYNC, boxPath(''), Phase.MARKER_SYNCED)
  if (phase == Phase.MARKER_SYNCED) return done()
  if (<i32>getInteger() != OldKind.ABSENT) return tryAside()
  if (!boxPath('/.snapshot_pending') || !openAnswer(pathBytes + asideBytes + 64)) return failed(Status.LIMIT)
  putNumber(OldEffect.RENAME)
  putBytes(pathStart, pathBytes)
  putBytes(aside, asideBytes)
  phase = Phase.MARKER_GONE
  return Step.EFFECT
}

function strange(): i32 {
  fate = OldFate.STRANGE
  return done()
}

/** DONE: the fate, what was moved to be the live disk, the snapshot's name, where the marker is; each may be empty. */
function done(): i32 {
  if (!openAnswer(sourceBytes + nameBytes + asideBytes + 64)) return failed(Status.LIMIT)
  const moved = fate == OldFate.RESTORED
  putNumber(fate)
  putBytes(source, moved ? sourceBytes : 0)
  putBytes(name, name == 0 ? 0 : nameBytes)
  putBytes(aside, aside == 0 ? 0 : asideBytes)
  phase = Phase.END
  return Step.DONE
}

/** FAILED: a `Status`. */
function failed(status: i32): i32 {
  phase = Phase.END
  if (openAnswer(64)) putNumber(status)
  return Step.FAILED
}

function ask(effect: i32, built: bool, next: i32): i32 {
  return built ? askAt(effect, pathStart, pathBytes, next) : failed(Status.LIMIT)
}

function askAt(effect: i32, start: usize, lengthBytes: u32, next: i32): i32 {
  if (!openAnswer(lengthBytes + 64)) return failed(Status.LIMIT)
  putNumber(effect)
  putBytes(start, lengthBytes)
  phase = next
  return Step.EFFECT
}
