# The end of a program that began with protected-mode.S: its segments, and where the processor begins.

.align 8
table:
  .quad 0
  .quad 0x00cf9b000000ffff # code, 4 GiB
  .quad 0x00cf93000000ffff # data, 4 GiB
table_register:
  .word . - table - 1
  .long table

# 16 bytes below the image's end.
.org 0xff0
.code16
  jmp _start
.org 0x1000
