// An uncompressed initramfs: cpio in the "newc" form (Linux: Documentation/driver-api/early-userspace/buffer-format.rst).
// Written here and not by cpio(1), so that the same agent gives the same bytes on every machine.

const directory = 0o040000
const regular = 0o100000
const character = 0o020000

/**
 * The bytes of an archive of `entries`, in their order, all owned by root and of time 0:
 * `{ name, mode }` is a folder, with `bytes` a file, with `device: [major, minor]` a character device.
 */
export function cpio(entries) {
  const members = entries.map((entry, index) => member({ ...entry, inode: index + 1 }))
  return Buffer.concat([...members, member({ name: 'TRAILER!!!', type: 0, mode: 0, inode: 0 })])
}

function member({ name, mode, bytes, device, inode, type = typeOf(bytes, device) }) {
  const size = bytes?.length ?? 0
  const [major, minor] = device ?? [0, 0]
  const links = type === directory ? 2 : 1
  const nameBytes = Buffer.from(`${name}\0`)
  const fields = [inode, type | mode, 0, 0, links, 0, size, 0, 0, major, minor, nameBytes.length, 0]
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0').toUpperCase()).join('')}`)
  return Buffer.concat([padded(Buffer.concat([header, nameBytes])), padded(bytes ?? Buffer.alloc(0))])
}

function typeOf(bytes, device) {
  if (bytes !== undefined) return regular
  return device === undefined ? directory : character
}

const padded = (bytes) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)])
