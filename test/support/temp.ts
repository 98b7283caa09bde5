import { mkdtempSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Who ends something and then undoes what was made for it: a test, for one. */
export interface Owner {
  teardown(undo: () => Promise<void> | void): void;
}

/** A new directory below the system's temporary one, removed with all its contents when its owner ends. */
export function tempDir(t: Owner, prefix = 'nodepool-test-'): string {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), prefix));
  t.teardown(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }));
  return directory;
}
