/** Reads a file while another program writes it: when the copy is complete, it has been read too. */
import { open, type FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** At the end of what is there, so long until the next look. */
const LOOK_MS = 5;
const PART_BYTES = 1024 * 1024;

/**
 * Gives `onPart` what stands in the file when `copying` has ended, from its beginning to its end, read from the file itself and
 * not from what it is a copy of: it is in memory still. A part is valid during the call. Throws what `copying` throws.
 */
export async function followCopy(
  file: string,
  copying: Promise<unknown>,
  onPart: (part: Buffer) => void,
): Promise<void> {
  let over = false;
  const end = copying.then(
    () => void (over = true),
    () => void (over = true),
  );
  const pause = () => Promise.race([end, sleep(LOOK_MS)]);
  let handle: FileHandle | undefined;
  const look = async (into: Buffer, from: number) => {
    const wasOver = over; // Before the look, so that nothing can come after it.
    handle ??= await openIfThere(file);
    const { bytesRead = 0 } = (await handle?.read(into, 0, into.length, from)) ?? {};
    return { bytesRead, wasOver };
  };
  let [part, next] = [Buffer.allocUnsafe(PART_BYTES), Buffer.allocUnsafe(PART_BYTES)];
  let bytes = 0;
  let looking = look(part, bytes);
  try {
    for (;;) {
      const { bytesRead, wasOver } = await looking;
      if (bytesRead > 0) {
        // One part is read while the other is looked at, which takes longer.
        looking = look(next, (bytes += bytesRead));
        onPart(part.subarray(0, bytesRead));
        [part, next] = [next, part];
      } else if (wasOver) break;
      else {
        await pause();
        looking = look(part, bytes);
      }
    }
  } finally {
    await looking.catch(() => undefined);
    await handle?.close();
    await copying;
  }
}

async function openIfThere(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
