import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  // Relative addresses, so that the page works under any path prefix.
  base: './',
  plugins: [react()],
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    // The notices that the licences of the bundled packages ask us to pass on.
    license: { fileName: 'LICENSES.md' },
    // Monaco is one large chunk by nature.
    chunkSizeWarningLimit: 4096,
    rolldownOptions: {
      onLog(level, log, report) {
        // A hint to React's compiler, which runs before the packages are published.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') report(level, log);
      },
    },
  },
});
