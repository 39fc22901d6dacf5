# How a program that is the last 4 KiB of a BIOS image comes from real mode to protected mode with flat segments; first in the
# program. What follows runs in ring 0 with interrupts off; at its end the program includes reset.S.

.globl _start
_start:
.code16
  cli
  # The code segment begins 64 KiB below the image's end; this page is its last.
  lgdtl %cs:(table_register - _start + 0xf000)
  mov %cr0, %eax
  or $1, %al
  mov %eax, %cr0
  ljmpl $8, $protected

.code32
protected:
  mov $16, %ax
  mov %ax, %ds
  mov %ax, %es
  mov %ax, %ss
