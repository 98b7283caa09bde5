import type { Socket } from 'node:net';
import { ProtocolError } from '../errors.ts';
import { FrameSplitter } from '../wire/frame-splitter.ts';
import {
  type ConnectRequest,
  type ConnectResponse,
  decodeConnectResponse,
  encodeConnectRequest,
} from '../wire/handshake.ts';

/** The server closed the connection instead of answering. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

/** Introduces the client on an open socket. The splitter that read the answer reads everything that follows. */
export function shakeHands(
  socket: Socket,
  { request, maxReplyBytes, signal }: { request: ConnectRequest; maxReplyBytes: number; signal: AbortSignal },
): Promise<{ response: ConnectResponse; splitter: FrameSplitter }> {
  signal.throwIfAborted();
  const splitter = new FrameSplitter(maxReplyBytes);
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
      socket.pause();
      settle();
    };
    const fail = (error: Error) =>
      finish(() => {
        socket.on('error', () => undefined);
        socket.destroy();
        reject(error);
      });
    const onAbort = () => fail(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', fail);
    socket.on('close', () => fail(new NoAnswerError('the server closed the connection without an answer')));
    socket.on('data', (chunk: Buffer) => {
      try {
        splitter.push(chunk);
        const frame = splitter.next();
        if (!frame) return;
        const response = decodeConnectResponse(frame);
        if (response.tooOld) throw new ProtocolError('the server is older than 3.4');
        finish(() => resolve({ response, splitter }));
      } catch (error) {
        fail(error as Error);
      }
    });
    socket.write(encodeConnectRequest(request));
  });
}
