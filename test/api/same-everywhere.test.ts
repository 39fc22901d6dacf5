// What a program gets of the package is the same on Node and in a page: its names, which the test compares, and their types, where the
// compiler refuses a difference.
import { expect, it } from 'vitest'
import * as onNode from '../../hosts/node/index.ts'
import * as inPage from '../../hosts/browser/index.ts'

type OnNode = typeof onNode
type InPage = typeof inPage

/** Whether each can stand for the other. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false

/** What has to be written here of each name: where one is of one side alone, or its types differ, nothing fits. */
type Verdicts = {
  readonly [Name in keyof OnNode | keyof InPage]: Name extends keyof OnNode & keyof InPage ? Same<OnNode[Name], InPage[Name]> : never
}

const isSame: Verdicts = {
  BoxLite: true,
  BoxLiteError: true,
  CodeBox: true,
  isBoxLiteError: true,
  run: true,
}
const isSameType: Same<onNode.BoxLite, inPage.BoxLite> & Same<onNode.CodeBox, inPage.CodeBox> = true

it('the package has the same names, of the same types, on Node and in a page', () => {
  expect(isSameType).toBe(true)
  expect(Object.keys(onNode).sort()).toEqual(Object.keys(isSame))
  expect(Object.keys(inPage).sort()).toEqual(Object.keys(isSame))
})
