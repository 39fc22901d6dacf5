import { run } from 'boxlite'

const { stdout } = await run('uname -a', { assets: './node_modules/boxlite-guest-386/' })
document.querySelector('#output').textContent = stdout
