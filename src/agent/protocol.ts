// The numbers of the agent's protocol; docs/agent-protocol.md describes it. guest/agent/protocol.h repeats them, and
// test/agent/protocol.test.ts compares the two.

export const Protocol = {
  VERSION: 1,
  HEADER_BYTES: 8,
  TRAILER: 0x5a,
  MAX_PAYLOAD_BYTES: 65_536,
  WINDOW_BYTES: 1_048_576,
  MAX_STREAMS: 64,
  RESYNC_BYTES: 65_545,
  NONCE_BYTES: 16,
  MAX_PING_BYTES: 64,
  THAW_AFTER_MS: 10_000,
} as const

export const FrameType = {
  HELLO: 0x01,
  PING: 0x02,
  OPEN: 0x03,
  OPENED: 0x04,
  END: 0x05,
  WINDOW: 0x06,
  SIGNAL: 0x07,
  RESIZE: 0x08,
  CANCEL: 0x09,
  DONE: 0x0a,
  GOAWAY: 0x0b,
  DATA0: 0x10,
  DATA1: 0x11,
  DATA2: 0x12,
} as const

export const StreamKind = {
  EXEC: 1,
  READ_FILE: 2,
  WRITE_FILE: 3,
  STAT: 4,
  LIST: 5,
  MAKE_DIRECTORY: 6,
  REMOVE: 7,
  RENAME: 8,
  CHANGE_MODE: 9,
  CHANGE_OWNER: 10,
  EXTRACT: 11,
  ARCHIVE: 12,
  FREEZE: 20,
  THAW: 21,
  SET_CLOCK: 22,
  ADD_ENTROPY: 23,
  SET_HOSTNAME: 24,
  SHUT_DOWN: 25,
  METRICS: 26,
} as const
