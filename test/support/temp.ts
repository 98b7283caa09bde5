import { mkdtempSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

/** A new directory below the system's temporary one, removed with all its contents when the test ends. */
export function tempDir(t: Test, prefix = 'nodepool-test-'): string {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), prefix));
  t.teardown(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }));
  return directory;
}
