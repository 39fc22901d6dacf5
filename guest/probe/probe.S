# The accelerator probe: the last 4 KiB of a BIOS image. It goes from the reset vector to protected mode, and there, in
# ring 0, turns a loop that writes memory. A processor that only emulates the kernel's instructions, thousands of times
# slower than its user code, starts well and never gets through the loop in time.
#
#   serial port 0x3f8    'b' before the loop, 'e' after it
#   port 0xf4            0x21 at the end: isa-debug-exit makes QEMU exit with (0x21 << 1) | 1 = 67
#
# as --32, ld -m elf_i386 -Ttext 0xfffff000 --oformat binary

.set TURNS, 2000000
.set TARGET, 0x100000
.set SERIAL, 0x3f8
.set DEBUG_EXIT, 0xf4
.set DONE, 0x21

.include "guest/probe/protected-mode.S"
  mov $SERIAL, %edx
  mov $'b', %al
  out %al, %dx
  mov $TURNS, %ecx
  mov $TARGET, %edi
turn:
  mov %ecx, (%edi)
  dec %ecx
  jnz turn
  mov $'e', %al
  out %al, %dx
  mov $DONE, %al
  out %al, $DEBUG_EXIT
halt:
  hlt
  jmp halt

.include "guest/probe/reset.S"
