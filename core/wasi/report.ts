// What the command says about a home, as JSON lines:
//
//   {"finding":"garbage","directory":"layers","name":"…","deleted":true}
//   {"finding":"unreadable","directory":"boxes","name":"…","reason":15}
//   {"box":"…","recovered":"cleared"}
//   {"box":"…","failed":"corrupt","reason":15,"subject":"…","detail":0}
//
// The words are those of the package: finding kinds, recoveries and error codes. `reason` is a number of core/operation/abi.ts.

import { Found, Status } from '../operation/abi'
import { fieldBytes, getBytes, getInteger, getNumber } from '../operation/message'
import { closeLine, openLine, putFlag, putNumber, putText, putWord } from './output'

let findings: u32 = 0
let obstacles: u32 = 0

/** How many findings there were since `resetFindings`. */
export function findingCount(): u32 {
  return findings
}

/** How many of them say that something cannot be read or deleted. */
export function obstacleCount(): u32 {
  return obstacles
}

/** The REPORT effect, whose fields are next: kind, directory, name, another name that none of these needs, and a number. */
export function reportFinding(): void {
  const found = <i32>getInteger()
  const place = <i32>getInteger()
  const name = getBytes()
  const nameBytes = fieldBytes
  getBytes()
  const flag = getInteger()
  findings++
  if (found == Found.UNREADABLE || found == Found.NOT_DELETED) obstacles++
  openLine()
  putWord('finding', findingWord(found))
  putWord('directory', placeWord(place))
  putText('name', name, nameBytes)
  if (found == Found.GARBAGE) putFlag('deleted', flag == 1)
  else if (found == Found.UNREADABLE) putNumber('reason', <f64>flag)
  else if (found == Found.NOT_DELETED) putWord('code', codeWord(<i32>flag))
  closeLine()
}

/** The fields of a failed operation, which are next: code, reason, effect, subject, detail. */
export function putFailure(): void {
  putWord('failed', codeWord(<i32>getInteger()))
  putNumber('reason', getNumber())
  // The number of the effect it failed with, or -1: only who keeps the errors can use it.
  getNumber()
  const subject = getBytes()
  putText('subject', subject, fieldBytes)
  putNumber('detail', getNumber())
}

/** What recovery found and did, as a word. */
export function recoveryWord(recovery: i32): string {
  switch (recovery) {
    case 0:
      return 'none'
    case 1:
      return 'cleared'
    case 2:
      return 'resumed'
    case 3:
      return 'switched'
    case 4:
      return 'undone'
    default:
      return 'killed'
  }
}

function placeWord(place: i32): string {
  switch (place) {
    case 0:
      return 'boxes'
    case 1:
      return 'images'
    case 2:
      return 'layers'
    default:
      return 'states'
  }
}

function findingWord(found: i32): string {
  switch (found) {
    case Found.NOT_FROZEN:
      return 'not-frozen'
    case Found.NOT_THAWED:
      return 'not-thawed'
    case Found.GARBAGE:
      return 'garbage'
    case Found.UNKNOWN_NAME:
      return 'unknown-name'
    case Found.UNREADABLE:
      return 'unreadable'
    case Found.MERGE_WAITS:
      return 'merge-waits'
    default:
      return 'not-deleted'
  }
}

/** A status that is not OK, as the error code of the package. */
export function codeWord(status: i32): string {
  switch (status) {
    case Status.INVALID_ARGUMENT:
      return 'invalid_argument'
    case Status.NOT_FOUND:
      return 'not_found'
    case Status.ALREADY_EXISTS:
      return 'already_exists'
    case Status.INVALID_STATE:
      return 'invalid_state'
    case Status.UNSUPPORTED:
      return 'unsupported'
    case Status.BUSY:
      return 'busy'
    case Status.CORRUPT:
      return 'corrupt'
    case Status.NO_SPACE:
      return 'no_space'
    case Status.LIMIT:
      return 'limit'
    case Status.TIMEOUT:
      return 'timeout'
    case Status.ABORTED:
      return 'aborted'
    default:
      return 'io'
  }
}
