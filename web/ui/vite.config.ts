import { defineConfig } from 'vite'

export default defineConfig({
  base: '/',
  build: { outDir: '../dist', emptyOutDir: true, sourcemap: false, modulePreload: { polyfill: false }, target: 'es2022' },
  server: { proxy: { '/api': 'http://127.0.0.1:8127', '/prometheus': 'http://127.0.0.1:8127' } },
})
