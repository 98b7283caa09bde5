/** What the API tells; docs/http-api.md describes the fields. */
export interface NodeRecord {
  id: string;
  version: number;
  state: string;
  state_time: number;
  created_time: number | null;
  locked: boolean;
  provider: string | null;
  pool: string | null;
  labels: string[];
  server_id: string | null;
  interface_ip: string | null;
  ssh: string | null;
  allocated_to: string | null;
  requestor: string | null;
  tenant: string | null;
  hold_job: string | null;
  comment: string | null;
  hold_expires_time: number | null;
}

export interface RequestRecord {
  id: string;
  version: number;
  state: string;
  state_time: number;
  created_time: number | null;
  labels: string[];
  nodes: string[];
  requestor: string | null;
  tenant: string | null;
  reason: string | null;
}

export interface PoolRecord {
  id: string;
  version: number;
  provider: string;
  pool: string;
  driver: string;
  labels: string[];
  unhealthy: string | null;
  unready: Record<string, string>;
  paused: string | null;
  draining: boolean;
  provider_drained: boolean;
  launching: number;
  used: Record<string, number>;
  limits: Record<string, number>;
  last_error: string | null;
}

export interface ImageRecord {
  id: string;
  paused: boolean;
  build_requested_time: number | null;
  builds: { id: string; state: string; state_time: number; error: string | null; formats: string[] }[];
  uploads: { id: string; provider: string; state: string; state_time: number; error: string | null }[];
}

export interface Records {
  nodes: Map<string, NodeRecord>;
  requests: Map<string, RequestRecord>;
  pools: Map<string, PoolRecord>;
  images: Map<string, ImageRecord>;
}
