export interface TreeNode {
  readonly text: string
  readonly children: readonly TreeNode[]
}

/** Lines of a tree, drawn from its roots down. */
export function drawTree(roots: readonly TreeNode[]): string[] {
  return roots.flatMap((root) => [root.text, ...drawChildren(root, '')])
}

function drawChildren(node: TreeNode, indent: string): string[] {
  const lines: string[] = []
  // A history is as deep as it has snapshots, which is deeper than a stack may be: no recursion.
  const waiting = node.children.map((child, i) => ({ child, indent, last: i === node.children.length - 1 })).reverse()
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    lines.push(`${next.indent}${next.last ? '└─ ' : '├─ '}${next.child.text}`)
    const inner = next.indent + (next.last ? '   ' : '│  ')
    const { children } = next.child
    for (let i = children.length - 1; i >= 0; i--) waiting.push({ child: children[i]!, indent: inner, last: i === children.length - 1 })
  }
  return lines
}
