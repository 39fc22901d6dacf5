# A guest without an operating system, for engines that have a PC: it finds its virtio disk and writes it, round after round,
# and says on the serial port what it did. The last 4 KiB of a BIOS image; it runs where no kernel would boot, because the
# accelerator interprets every instruction of ring 0.
#
# Sector 0 tells what to do:   'BOXL', rounds (0: for ever), delay in turns of an empty loop
# Each round n = 1, 2, ...:    writes n, 128 times, into sector 8 + n % 64; flushes; reads it back; says "w<n, 8 hex digits>\n"
# After the last one:          "z\n", and resets the machine
# A request that fails, or reads something else: "x<n>\n", and halts
#
# The disk is a transitional one with legacy registers (QEMU's), or a modern one whose registers are all ports (v86's). The
# program runs where the image is seen below 1 MiB: not every processor fetches from its place below 4 GiB.
#
# as --32, ld -m elf_i386 -Ttext 0xff000 --oformat binary

.set SERIAL, 0x3f8
.set PCI_ADDRESS, 0xcf8
.set PCI_DATA, 0xcfc
.set VIRTIO_BLK, 0x10011af4          # device and vendor of a transitional disk
.set BAR, 0xc000

.set VIRTIO_BLK_MODERN, 0x10421af4   # and of a modern one

# Legacy virtio registers
.set DRIVER_FEATURES, BAR + 4
.set QUEUE_PAGE, BAR + 8
.set QUEUE_SIZE, BAR + 12
.set QUEUE_SELECT, BAR + 14
.set QUEUE_NOTIFY, BAR + 16
.set STATUS, BAR + 18
.set FEATURE_FLUSH, 1 << 9

# Modern virtio registers, from the first port of the common configuration
.set COMMON_FEATURES_SELECT, 8
.set COMMON_FEATURES, 12
.set COMMON_STATUS, 20
.set COMMON_QUEUE_SIZE, 24
.set COMMON_QUEUE_ENABLE, 28
.set COMMON_QUEUE_DESCRIPTORS, 32
.set COMMON_QUEUE_AVAILABLE, 40
.set COMMON_QUEUE_USED, 48

.set READ, 0
.set WRITE, 1
.set FLUSH, 4

# Memory
.set STACK, 0x80000
.set QUEUE, 0x200000                 # descriptors, then the available ring, on the next page the used ring
.set HEADER, 0x300000                # type, 0, sector (64 bits)
.set RESULT, 0x300010
.set BUFFER, 0x300200
.set USED, 0x400000                  # where the used ring is, found at start
.set AVAILABLE, 0x400004
.set TAKEN, 0x400008                 # requests so far, 16 bits
.set ROUND, 0x40000c
.set ROUNDS, 0x400010
.set DELAY, 0x400014
.set NOTIFY, 0x400018                # the port that tells the disk of requests

.include "guest/probe/protected-mode.S"
  mov $STACK, %esp
  cld

# Finds the disk on bus 0, gives it its ports and turns it on.
  mov $0x80000000, %ebx
next_slot:
  xor %ecx, %ecx
  call pci_read
  cmp $VIRTIO_BLK, %eax
  je found
  cmp $VIRTIO_BLK_MODERN, %eax
  je found_modern
  add $0x800, %ebx
  cmp $0x80010000, %ebx
  jb next_slot
  jmp failed
found:
  mov $0x10, %ecx
  mov $BAR, %eax
  call pci_write
  mov $4, %ecx
  mov $5, %eax                       # ports, bus master
  call pci_write

# The queue: virtio 1.0, 2.6.2 (legacy layout).
  mov $STATUS, %edx
  xor %eax, %eax
  out %al, %dx
  mov $3, %al                        # acknowledged, driver
  out %al, %dx
  mov $DRIVER_FEATURES, %edx
  mov $FEATURE_FLUSH, %eax
  out %eax, %dx
  mov $QUEUE_SELECT, %edx
  xor %eax, %eax
  out %ax, %dx
  mov $QUEUE_SIZE, %edx
  in %dx, %ax
  call lay_out_queue
  mov $QUEUE_PAGE, %edx
  mov $QUEUE >> 12, %eax
  out %eax, %dx
  mov $STATUS, %edx
  mov $7, %al                        # driver ready
  out %al, %dx
  movl $QUEUE_NOTIFY, NOTIFY
  jmp start

# The same with modern registers: virtio 1.0, 3.1. They are at the ports where the disk has them from the beginning.
found_modern:
  mov $0x14, %ecx
  call pci_read
  and $0xfffc, %eax
  mov %eax, NOTIFY
  mov $0x10, %ecx
  call pci_read
  and $0xfffc, %eax
  mov %eax, %ebp
  lea COMMON_STATUS(%ebp), %edx
  xor %eax, %eax
  out %al, %dx
  mov $3, %al                        # acknowledged, driver
  out %al, %dx
  mov $FEATURE_FLUSH, %ebx
  xor %ecx, %ecx
  call choose_features
  mov $1, %ebx                       # version 1, bit 32
  mov $1, %ecx
  call choose_features
  lea COMMON_STATUS(%ebp), %edx
  mov $0xb, %al                      # features chosen
  out %al, %dx
  lea COMMON_QUEUE_SIZE(%ebp), %edx
  in %dx, %ax
  call lay_out_queue
  lea COMMON_QUEUE_DESCRIPTORS(%ebp), %edx
  mov $QUEUE, %eax
  out %eax, %dx
  lea COMMON_QUEUE_AVAILABLE(%ebp), %edx
  mov AVAILABLE, %eax
  out %eax, %dx
  lea COMMON_QUEUE_USED(%ebp), %edx
  mov USED, %eax
  out %eax, %dx
  lea COMMON_QUEUE_ENABLE(%ebp), %edx
  mov $1, %ax
  out %ax, %dx
  lea COMMON_STATUS(%ebp), %edx
  mov $0xf, %al                      # driver ready
  out %al, %dx

start:
# What to do
  mov $READ, %eax
  xor %ebx, %ebx
  call request
  cmpl $0x4c584f42, BUFFER
  jne failed
  mov BUFFER + 4, %eax
  mov %eax, ROUNDS
  mov BUFFER + 8, %eax
  mov %eax, DELAY

round:
  incl ROUND
  mov ROUND, %eax
  mov $BUFFER, %edi
  mov $128, %ecx
  rep stosl
  mov %eax, %ebx
  and $63, %ebx
  add $8, %ebx
  push %ebx
  mov $WRITE, %eax
  call request
  mov $FLUSH, %eax
  xor %ebx, %ebx
  call request
  movl $0, BUFFER
  mov $READ, %eax
  pop %ebx
  call request
  mov ROUND, %eax
  cmp %eax, BUFFER
  jne failed
  mov $'w', %al
  call say_round
  mov DELAY, %ecx
  jecxz rested
rest:
  dec %ecx
  jnz rest
rested:
  mov ROUND, %eax
  cmp ROUNDS, %eax
  jne round
  mov $SERIAL, %edx
  mov $'z', %al
  out %al, %dx
  mov $'\n', %al
  out %al, %dx
  mov $0xfe, %al                     # the keyboard controller pulls the reset line
  out %al, $0x64
  jmp halt

failed:
  mov $'x', %al
  call say_round
halt:
  hlt
  jmp halt

# ax: entries of the queue.
lay_out_queue:
  movzwl %ax, %eax
  mov %eax, %ecx
  shl $4, %ecx
  lea QUEUE(%ecx), %edi
  mov %edi, AVAILABLE
  lea 6 + 4095(%edi, %eax, 2), %edi
  and $0xfffff000, %edi
  mov %edi, USED
  ret

# ebp: the common configuration, ecx: which 32 of the features, ebx: the ones wanted.
choose_features:
  lea COMMON_FEATURES_SELECT(%ebp), %edx
  mov %ecx, %eax
  out %eax, %dx
  lea COMMON_FEATURES(%ebp), %edx
  mov %ebx, %eax
  out %eax, %dx
  ret

# eax: what, ebx: sector. One request at a time; the answer is waited for.
request:
  mov %eax, HEADER
  movl $0, HEADER + 4
  mov %ebx, HEADER + 8
  movl $0, HEADER + 12
  movb $0xff, RESULT
  mov $QUEUE, %edi
  movl $HEADER, (%edi)
  movl $16, 8(%edi)
  movl $0x10001, 12(%edi)            # next: 1
  cmp $FLUSH, %eax
  je no_data
  movl $BUFFER, 16(%edi)
  movl $512, 24(%edi)
  mov $0x20001, %ecx                 # next: 2
  cmp $READ, %eax
  jne direction
  or $2, %ecx                        # the device writes it
direction:
  mov %ecx, 28(%edi)
  jmp last
no_data:
  movl $0x20001, 12(%edi)
last:
  movl $RESULT, 32(%edi)
  movl $1, 40(%edi)
  movl $2, 44(%edi)
  mov AVAILABLE, %edi                # each entry of its ring is 0, as memory begins: the request starts at descriptor 0
  incw TAKEN
  mov TAKEN, %ax
  mov %ax, 2(%edi)
  mov NOTIFY, %edx
  xor %eax, %eax
  out %ax, %dx
  mov USED, %edi
wait:
  pause
  mov 2(%edi), %ax
  cmp TAKEN, %ax
  jne wait
  cmpb $0, RESULT
  jne failed
  ret

# al: a letter, then the round in hexadecimal digits, then the end of the line.
say_round:
  mov $SERIAL, %edx
  out %al, %dx
  mov ROUND, %ebx
  mov $8, %ecx
digit:
  rol $4, %ebx
  mov %bl, %al
  and $15, %al
  add $'0', %al
  cmp $'9', %al
  jbe say
  add $39, %al
say:
  out %al, %dx
  dec %ecx
  jnz digit
  mov $'\n', %al
  out %al, %dx
  ret

# ebx: the slot, ecx: the register, eax: the value.
pci_read:
  lea (%ebx, %ecx), %eax
  mov $PCI_ADDRESS, %edx
  out %eax, %dx
  mov $PCI_DATA, %edx
  in %dx, %eax
  ret
pci_write:
  push %eax
  lea (%ebx, %ecx), %eax
  mov $PCI_ADDRESS, %edx
  out %eax, %dx
  mov $PCI_DATA, %edx
  pop %eax
  out %eax, %dx
  ret

.include "guest/probe/reset.S"
