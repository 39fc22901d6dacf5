/**
 * How far a change of a box is. `freeze`: the guest of a running box writes out what it holds and freezes its file systems; `flush`: its
 * machine does; `commit`: the change is made; `switch`: the machine goes on in a new layer; `kill`: it is ended.
 */
export interface ChangeProgress {
  readonly stage: 'freeze' | 'flush' | 'commit' | 'switch' | 'kill'
}
