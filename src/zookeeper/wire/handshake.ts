import { JuteReader } from './jute-reader.ts';
import { JuteWriter } from './jute-writer.ts';

/** What a client says first. */
export interface ConnectRequest {
  lastZxid: bigint;
  timeoutMs: number;
  /** 0n asks for a new session. */
  sessionId: bigint;
  password: Buffer;
}

/** What the server grants. `timeoutMs` 0: the session is over. */
export interface ConnectResponse {
  timeoutMs: number;
  sessionId: bigint;
  password: Buffer;
  /** The answer lacks the read-only flag, which servers send from 3.4 on. */
  tooOld: boolean;
}

export function encodeConnectRequest(request: ConnectRequest): Buffer {
  const writer = new JuteWriter(64);
  writer.beginFrame();
  writer.int(0);
  writer.long(request.lastZxid);
  writer.int(request.timeoutMs);
  writer.long(request.sessionId);
  writer.bytes(request.password);
  writer.bool(false);
  writer.endFrame();
  return writer.take();
}

export function decodeConnectResponse(frame: Buffer): ConnectResponse {
  const reader = new JuteReader(frame);
  reader.int();
  const timeoutMs = reader.int();
  const sessionId = reader.long();
  const password = Buffer.from(reader.bytes());
  return { timeoutMs, sessionId, password, tooOld: reader.left === 0 };
}
