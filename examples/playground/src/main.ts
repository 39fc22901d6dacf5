// The playground: opens the boxes of this browser and draws the page.

import '@xterm/xterm/css/xterm.css'
import '../style/index.css'
import { syncAll } from './actions/boxes.ts'
import { openHome, refresh } from './actions/home.ts'
import { recallLesson } from './actions/lesson.ts'
import { App } from './app.ts'
import { byId } from './dom.ts'
import { listenToKeys } from './keyboard.ts'
import { parseLesson } from './lesson-text.ts'
import { recall } from './memory.ts'
import { keepOffline } from './offline.ts'
import { Terminals } from './terminals.ts'
import { applyTheme } from './theme.ts'
import { barView } from './views/bar.ts'
import { boxView } from './views/box.ts'
import { boxesView } from './views/boxes.ts'
import { refuseOtherDrops } from './views/drop.ts'
import { filesView } from './views/files.ts'
import { lessonView } from './views/lesson.ts'
import { noticesView } from './views/notices.ts'
import { panesView } from './views/panes.ts'
import { tasksView } from './views/tasks.ts'
import { timelineView } from './views/timeline.ts'
import { touchKeysView } from './views/touch-keys.ts'
import lessonText from '../lessons/break-and-restore.md?raw'

applyTheme()
const app = new App()
if (recall('side') === 'lesson') app.model.update({ side: 'lesson' })
const terminals = new Terminals(app, byId('terminals'))
barView(app, terminals)
noticesView(app)
boxesView(app)
timelineView(app)
boxView(app)
filesView(app, terminals)
lessonView(app, parseLesson(lessonText), terminals)
panesView(app)
tasksView(app)
touchKeysView(terminals)
listenToKeys(app, terminals)
refuseOtherDrops()

// What nobody caught is a defect; it is told like every other failure.
addEventListener('unhandledrejection', ({ reason }) => app.fail('What you asked for', reason))

if (await openHome(app)) {
  recallLesson(app)
  document.addEventListener('visibilitychange', () => void (document.visibilityState === 'hidden' ? syncAll(app) : refresh(app)))
}
await keepOffline(app)
