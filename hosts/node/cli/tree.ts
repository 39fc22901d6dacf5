export interface TreeNode {
  readonly text: string
  readonly children: readonly TreeNode[]
}

/** Lines of a tree, drawn from its roots down. */
export function drawTree(roots: readonly TreeNode[]): string[] {
  return roots.flatMap((root) => [root.text, ...drawChildren(root)])
}

function drawChildren(root: TreeNode): string[] {
  const lines: string[] = []
  // A history is as deep as it has snapshots, which may be deeper than the stack: no recursion.
  const waiting = rowsUnder(root, '')
  for (let row = waiting.pop(); row !== undefined; row = waiting.pop()) {
    lines.push(`${row.indent}${row.last ? '└─ ' : '├─ '}${row.node.text}`)
    waiting.push(...rowsUnder(row.node, row.indent + (row.last ? '   ' : '│  ')))
  }
  return lines
}

/** The children of a node, last one first. */
function rowsUnder(parent: TreeNode, indent: string): { node: TreeNode; indent: string; last: boolean }[] {
  return parent.children.map((node, i) => ({ node, indent, last: i === parent.children.length - 1 })).toReversed()
}
