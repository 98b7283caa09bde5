/** Why an operator's wish is refused; tells a web client more than the message does. */
export type RefusalKind = 'not found' | 'taken' | 'not possible';

/** What an operator asked for cannot be done; the message says why, in words for people. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly kind: RefusalKind;

  constructor(kind: RefusalKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
