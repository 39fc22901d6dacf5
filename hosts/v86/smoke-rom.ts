// A computer's first and last breath: a ROM that says a word on the serial port and halts. A machine that runs it has a
// processor that works, a console, and an end.

/** What the ROM says. */
export const SMOKE_WORD = 'boxlite'

const ROM_BYTES = 65_536
const CODE_SEGMENT = 0xf000
const SERIAL_PORT = 0x3f8

/** 64 KiB, mapped below 1 MiB and below 4 GiB; the processor begins 16 bytes before the end. */
export function smokeRom(): ArrayBuffer {
  const rom = new Uint8Array(ROM_BYTES)
  // mov dx, port; for each character: mov al, character; out dx, al; then cli; hlt
  const says = [...SMOKE_WORD].flatMap((character) => [0xb0, character.charCodeAt(0), 0xee])
  rom.set([0xba, SERIAL_PORT & 0xff, SERIAL_PORT >> 8, ...says, 0xfa, 0xf4], 0)
  // jmp far CODE_SEGMENT:0
  rom.set([0xea, 0, 0, CODE_SEGMENT & 0xff, CODE_SEGMENT >> 8], ROM_BYTES - 16)
  return rom.buffer
}
