/** A requestor that begins like this belongs to `nodepool request`, and `nodepool release` may give it back. */
export const REQUESTOR = 'nodepool request';
