// The v86 engine in a page.
import { expect, it } from 'vitest'
import { browserV86Host } from '../../hosts/browser/v86/engine.ts'
import { Assets } from '../../hosts/browser/assets.ts'
import { V86Engine } from '../../hosts/v86/engine.ts'
import { guestUrl, whyNoGuest } from './guest-url.ts'

const noGuest = await whyNoGuest()

it('works here, which it finds out by running a program', async (context) => {
  if (noGuest !== null) return context.skip(noGuest)
  const status = await new V86Engine(browserV86Host(new Assets(guestUrl()))).probe()
  expect(status).toMatchObject({ engine: 'v86', accelerator: 'jit', refused: [] })
})
