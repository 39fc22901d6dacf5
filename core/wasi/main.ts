// The core as a WASI command, for any WASI runtime:
//
//   boxlite-core-wasi.wasm recover | check | info        with the home preopened as /home
//
// `recover` takes every box through recovery and then deletes what nothing reaches; `check` says what that would be and
// changes nothing; `info` prints every record. The answers are JSON lines (report.ts). The caller holds the home: no other
// process uses it, and no machine of its boxes lives. Where directories cannot be synced the command says so and deletes nothing.
//
// Exit codes: 0 in order; 1 not a home, or it cannot be read or written; 2 something in it is damaged; 3 only garbage was
// found; 64 wrong usage.

import { ID_BYTES } from '../id'
import { RECORD_LIMIT_BYTES } from '../record-limits'
import { allocate } from '../memory'
import { Guarantee, Kind, Place, Step } from '../operation/abi'
import { answeredBytes, getInteger, getNumber, openAnswer, openMessage, putBytes as addBytes, putNumber as addNumber } from '../operation/message'
import { operationBegin, operationResume, reset } from '../index'
import { parseBoxRecord } from '../record'
import { BoxRecord } from '../record-shape'
import { isLiteral } from '../text'
import { RecordVerdict } from '../verdict'
import { batchCount, idAt, nextBatch } from './boxes'
import { argsGet, argsSizesGet, Errno, procExit } from './calls'
import { canSyncDirectories, carryOut, resetContent, setDirectoriesSync, statusOf } from './effects'
import { findHome, isUnsupportedSync, readPath, statFile, statSize, syncDirectory, transferred } from './files'
import { closeLine, openLine, outputFailure, putFlag, putJson, putNumber, putText, putWord } from './output'
import { appendText, cutPath, entryPath } from './path'
import { codeWord, findingCount, obstacleCount, putFailure, recoveryWord } from './report'

namespace Exit {
  export const CLEAN: i32 = 0
  export const UNUSABLE: i32 = 1
  export const DAMAGED: i32 = 2
  export const GARBAGE: i32 = 3
  export const USAGE: i32 = 64
}

/** Most bytes of the command line. */
const ARGUMENT_LIMIT_BYTES: u32 = 4096
const FORMAT_LIMIT_BYTES: u32 = 64

const argumentCount = memory.data(4)
const argumentBytes = memory.data(4)
const argumentPointers = memory.data(32)
const argumentText = memory.data(4096)
const format = memory.data(64)

let damaged = false

/** Where a WASI runtime starts the command. */
export function _start(): void {
  const code = run()
  procExit(outputFailure() == Errno.SUCCESS ? code : Exit.UNUSABLE)
}

function run(): i32 {
  const command = commandWord()
  if (command == 0) return usage()
  const length = lengthOf(command)
  const recovers = isLiteral(command, length, 'recover')
  const checks = isLiteral(command, length, 'check')
  if (!recovers && !checks && !isLiteral(command, length, 'info')) return usage()
  if (!openHome()) return Exit.UNUSABLE
  if (recovers || checks) return settle(recovers)
  return inform()
}

function usage(): i32 {
  openLine()
  putWord('error', 'invalid_argument')
  putWord('usage', 'recover | check | info, with the home preopened as /home')
  closeLine()
  return Exit.USAGE
}

/** The one argument after the program's name, or 0. */
function commandWord(): usize {
  if (argsSizesGet(argumentCount, argumentBytes) != Errno.SUCCESS) return 0
  if (load<u32>(argumentCount) != 2 || load<u32>(argumentBytes) > ARGUMENT_LIMIT_BYTES) return 0
  if (argsGet(argumentPointers, argumentText) != Errno.SUCCESS) return 0
  return load<u32>(argumentPointers, 4)
}

/** The length of a C string inside the arguments. */
function lengthOf(text: usize): u32 {
  let bytes: u32 = 0
  while (bytes < ARGUMENT_LIMIT_BYTES && load<u8>(text + bytes) != 0) bytes++
  return bytes
}

/** Finds the home, checks its format and learns whether its directories can be synced. */
function openHome(): bool {
  if (!findHome()) return unusable('nothing is preopened as /home', Errno.NOENT)
  cutPath(0)
  appendText('format')
  let errno = statFile()
  if (errno == Errno.SUCCESS) errno = readPath(format, FORMAT_LIMIT_BYTES)
  if (errno != Errno.SUCCESS) return unusable('format cannot be read', errno)
  if (!isLiteral(format, transferred(), 'boxlite home 1\n')) return unusable('format is not that of this version', Errno.IO)
  setDirectoriesSync(true)
  for (let place = Place.BOXES; place <= Place.STATES; place++) {
    errno = syncDirectory(place)
    if (isUnsupportedSync(errno)) setDirectoriesSync(false)
    else if (errno != Errno.SUCCESS) return unusable('a directory cannot be synced', errno)
  }
  openLine()
  putFlag('directorySync', canSyncDirectories())
  closeLine()
  return true
}

function unusable(message: string, errno: i32): bool {
  openLine()
  putWord('error', codeWord(statusOf(errno)))
  putWord('message', message)
  putNumber('errno', errno)
  closeLine()
  return false
}

/** `recover` and `check`: every box, then what nothing reaches. */
function settle(recovers: bool): i32 {
  if (recovers && !eachBox(true)) return Exit.UNUSABLE
  // Without durable names nothing may be deleted: what is seen now need not be what a power cut leaves.
  if (!collect(!recovers || !canSyncDirectories())) return Exit.UNUSABLE
  if (damaged || obstacleCount() > 0) return Exit.DAMAGED
  return findingCount() > 0 && (!recovers || !canSyncDirectories()) ? Exit.GARBAGE : Exit.CLEAN
}

function inform(): i32 {
  if (!eachBox(false)) return Exit.UNUSABLE
  return damaged ? Exit.DAMAGED : Exit.CLEAN
}

function eachBox(recovers: bool): bool {
  while (true) {
    const errno = nextBatch()
    if (errno != Errno.SUCCESS) return unusable('boxes cannot be listed', errno)
    if (batchCount() == 0) return true
    for (let i: u32 = 0; i < batchCount(); i++) {
      if (recovers) recoverBox(idAt(i))
      else printRecord(idAt(i))
    }
  }
}

/** Starts the message of an operation with what the store promises. */
function beginMessage(bytes: u32): bool {
  reset()
  resetContent()
  if (!openAnswer(bytes + 8)) return false
  addNumber(canSyncDirectories() ? Guarantee.DIRECTORY_SYNC : 0)
  return true
}

/** Takes an operation, whose message is in the exchange, to its end; a `Step`, with the core's last message being read. */
function operate(kind: i32): i32 {
  let step = operationBegin(kind, answeredBytes())
  while (step == Step.EFFECT) {
    openMessage(answeredBytes())
    step = operationResume(carryOut(), answeredBytes())
  }
  openMessage(answeredBytes())
  return step
}

function recoverBox(id: usize): void {
  const begun = beginMessage(ID_BYTES + 4)
  if (begun) addBytes(id, ID_BYTES)
  const step = begun ? operate(Kind.RECOVER) : Step.ILLEGAL
  openLine()
  putText('box', id, ID_BYTES)
  if (step == Step.DONE) putWord('recovered', recoveryWord(<i32>getInteger()))
  else putEnd(step)
  closeLine()
}

function collect(dryRun: bool): bool {
  const begun = beginMessage(8)
  if (begun) addNumber(dryRun ? 1 : 0)
  const step = begun ? operate(Kind.COLLECT) : Step.ILLEGAL
  openLine()
  if (step == Step.DONE) {
    putNumber('layers', getNumber())
    putNumber('deleted', getNumber())
    putFlag('complete', getInteger() == 1)
  } else putEnd(step)
  closeLine()
  return step == Step.DONE
}

/** How an operation ended that did not succeed. */
function putEnd(step: i32): void {
  damaged = true
  if (step == Step.FAILED) putFailure()
  else putWord('failed', 'limit')
}

/** `info`: the record as it stands, or why it does not. */
function printRecord(id: usize): void {
  reset()
  resetContent()
  openLine()
  if (!putRecord(id)) {
    damaged = true
    putText('box', id, ID_BYTES)
    putWord('failed', 'corrupt')
  }
  closeLine()
}

function putRecord(id: usize): bool {
  if (!entryPath(Place.BOXES, id, ID_BYTES)) return false
  appendText('.json')
  if (statFile() != Errno.SUCCESS || statSize() > RECORD_LIMIT_BYTES) return false
  const bytes = <u32>statSize()
  const start = allocate(bytes)
  const box = allocate(offsetof<BoxRecord>())
  if (start == 0 || box == 0 || readPath(start, bytes) != Errno.SUCCESS || transferred() != bytes) return false
  if (parseBoxRecord(start, bytes, id, changetype<BoxRecord>(box)) != RecordVerdict.OK) return false
  putJson('record', start, bytes)
  return true
}
